<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Check;
use Infrafabric\Posted;

/**
 * Volumes beside the machine's own disk.
 */
final class Storage extends Tab
{
    protected const ACTIONS = ['add_volume', 'resize_volume', 'remove_volume'];
    protected const CONFIRMED = ['remove_volume'];
    private const LARGEST = 16000;

    protected function body(string $action, Posted $post): array
    {
        $body = [];
        if ($action === 'add_volume') {
            if (!Check::volumeName($post->text('name'))) {
                $this->fail('name', 'format', 'Infrafabric.!error.volume_name');
            }
            $body['name'] = $post->text('name');
        } else {
            if (!Check::name($post->text('volume_id'))) {
                $this->fail('volume_id', 'format', 'Infrafabric.!error.action');
            }
            $body['volume_id'] = $post->text('volume_id');
        }
        if ($action !== 'remove_volume') {
            if (!Check::whole($post->text('size_gb'), 1, self::LARGEST)) {
                $this->fail('size_gb', 'valid', 'Infrafabric.!error.volume_size');
            }
            $body['size_gb'] = (int) $post->text('size_gb');
        }

        return $body;
    }

    public function values(): array
    {
        $known = $this->page->known();

        return [
            'disk' => $known->text('disk_gb'),
            'volumes' => $known->list('volumes'),
            'most' => $known->limit('volumes'),
            'largest' => min(self::LARGEST, $known->limit('volume_gb') ?? self::LARGEST),
        ];
    }
}
