<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Bridge;
use Infrafabric\Deadline;
use Infrafabric\Machine;
use Infrafabric\Posted;
use Infrafabric\ServiceFields;

/**
 * One visit of a tab: whose service, who looks, what was posted, and what the bridge knows.
 */
final class Page
{
    private ?Known $known = null;

    public function __construct(
        public readonly object $service,
        public readonly Machine $machine,
        public readonly string $key,
        public readonly Bridge $bridge,
        public readonly Host $host,
        public readonly Posted $posted,
        public readonly Deadline $deadline,
        public readonly bool $staff,
        public readonly string $argument,
        public readonly string $url
    ) {
    }

    /**
     * Read when it is first asked for, which is after a post has taken effect.
     */
    public function known(): Known
    {
        return $this->known ??= Known::read($this->bridge, $this->key, $this->deadline);
    }

    /**
     * The stored fields, brought up to date with what the bridge has told for this page.
     */
    public function fields(): ServiceFields
    {
        return ServiceFields::ofService($this->service)->told($this->known()->list('fields'));
    }

    public function say(string $key, string ...$values): string
    {
        return $this->host->say($key, ...$values);
    }

    public function status(): string
    {
        return is_string($this->service->status ?? null) ? $this->service->status : '';
    }
}
