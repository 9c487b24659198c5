<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Check;
use Infrafabric\Machine;
use Infrafabric\Posted;
use Infrafabric\ServiceFields;

/**
 * A new operating system. Everything on the disk is lost, so the machine's name has to be typed.
 */
final class Reinstall extends Tab
{
    protected const ACTIONS = ['reinstall'];
    protected const CONFIRMED = ['reinstall'];

    protected function body(string $action, Posted $post): array
    {
        $image = $post->text('image') ?: $this->page->machine->meta('image');
        if (!array_key_exists($image, $this->images())) {
            $this->fail('image', 'valid', 'Infrafabric.!error.image');
        }
        $keys = $post->text('ssh_key');
        if (!Check::sshKeys($keys)) {
            $this->fail('ssh_key', 'format', 'Infrafabric.!error.ssh_key');
        }
        if (strcasecmp($post->text('typed'), $this->hostname()) !== 0) {
            $this->fail('typed', 'valid', 'Infrafabric.!error.typed');
        }
        $body = ['image' => $image, 'confirm' => true];

        return $keys === '' ? $body : $body + ['ssh_keys' => Machine::sshKeys($keys)];
    }

    public function values(): array
    {
        $keys = ServiceFields::ofService($this->page->service)->value('ifb_ssh_key');
        $present = $this->page->fields()->value('ifb_image');

        return [
            'images' => $this->images(),
            'image' => array_key_exists($present, $this->images()) ? $present : $this->page->machine->meta('image'),
            'ssh_key' => $keys === ServiceFields::NOTHING ? '' : $keys,
            'hostname' => $this->hostname(),
        ];
    }

    /**
     * @return array<string, string> what the package lets the client choose from; else its one image
     */
    private function images(): array
    {
        $image = $this->page->machine->meta('image');

        return $this->page->machine->imageChoices() ?: [$image => $image];
    }

    private function hostname(): string
    {
        return ServiceFields::ofService($this->page->service)->value('ifb_hostname');
    }
}
