<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Texts;

/**
 * Start, stop, reboot.
 */
final class Power extends Tab
{
    protected const ACTIONS = ['start', 'stop', 'reboot'];
    protected const CONFIRMED = ['stop', 'reboot'];

    public function values(): array
    {
        $power = $this->page->known()->text('power') ?: 'unknown';

        return ['power' => $this->page->say(Texts::POWER[$power] ?? 'Infrafabric.power.unknown')];
    }
}
