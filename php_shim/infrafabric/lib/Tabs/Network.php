<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Check;
use Infrafabric\Posted;

/**
 * The machine's addresses and the names they resolve to.
 */
final class Network extends Tab
{
    protected const ACTIONS = ['add_address', 'remove_address', 'set_reverse_dns'];
    protected const CONFIRMED = ['remove_address'];
    public const FAMILIES = ['ipv4' => 'IPv4', 'ipv6' => 'IPv6'];

    protected function body(string $action, Posted $post): array
    {
        if ($action === 'add_address') {
            if (!array_key_exists($post->text('family'), self::FAMILIES)) {
                $this->fail('family', 'valid', 'Infrafabric.!error.family');
            }

            return ['family' => $post->text('family')];
        }
        $address = $post->text('address_id');
        if (!Check::name($address)) {
            $this->fail('address_id', 'format', 'Infrafabric.!error.action');
        }
        if ($action === 'set_reverse_dns' && !Check::hostname($post->text('reverse_dns'))) {
            $this->fail('reverse_dns', 'format', 'Infrafabric.!error.hostname');
        }
        $name = $action === 'set_reverse_dns' ? ['reverse_dns' => $post->text('reverse_dns')] : [];

        return ['address_id' => $address] + $name;
    }

    public function values(): array
    {
        $known = $this->page->known();

        return [
            'addresses' => $known->list('addresses'),
            'most' => $known->limit('addresses'),
            'families' => self::FAMILIES,
        ];
    }
}
