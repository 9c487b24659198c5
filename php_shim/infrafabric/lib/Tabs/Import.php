<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Check;
use Infrafabric\Posted;

/**
 * For staff: take a machine that already exists at InfraFabric into this service.
 */
final class Import extends Tab
{
    protected const ACTIONS = ['adopt'];
    protected const CONFIRMED = ['adopt'];
    protected const ANY_STATUS = ['adopt'];

    protected function body(string $action, Posted $post): array
    {
        $instance = $post->text('instance_id');
        if (!Check::name($instance)) {
            $this->fail('instance_id', 'format', 'Infrafabric.!error.instance_id');
        }
        if (in_array($this->page->status(), ['canceled', ''], true)) {
            $this->fail('instance_id', 'valid', 'Infrafabric.!error.import_canceled');
        }
        $client = (int) ($this->page->service->client_id ?? 0);
        $limits = $this->page->machine->limits();

        return ['instance_id' => $instance]
            + ($limits === [] ? [] : ['limits' => $limits])
            + ($client > 0 ? ['blesta' => ['client_id' => $client]] : []);
    }

    public function values(): array
    {
        return ['instance' => $this->page->known()->text('instance_id')];
    }
}
