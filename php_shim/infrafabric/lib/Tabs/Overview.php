<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\ServiceFields;
use Infrafabric\Texts;

/**
 * What the machine is and how it is doing.
 */
final class Overview extends Tab
{
    public function values(): array
    {
        $known = $this->page->known();
        $fields = $this->page->fields();
        $state = $known->text('state') ?: $fields->value('ifb_state');

        return [
            'rows' => array_filter($this->rows($known, $fields, $state)),
            'reasons' => array_filter($this->reasons($known, $fields)),
            'preparing' => $state === 'provisioning' || ($state === '' && $this->page->status() !== 'active'),
        ];
    }

    /**
     * @return array<string, string> value by language key
     */
    private function rows(Known $known, ServiceFields $fields, string $state): array
    {
        $field = static function (string $key) use ($fields): string {
            $value = $fields->value($key);

            return $value === ServiceFields::NOTHING ? '' : $value;
        };
        $power = $known->text('power') ?: 'unknown';
        $rows = [
            'Infrafabric.service.state' => isset(Texts::STATES[$state]) ? $this->page->say(Texts::STATES[$state]) : $state,
            'Infrafabric.service.power' => $known->service === [] ? '' : $this->page->say(Texts::POWER[$power]
                ?? 'Infrafabric.power.unknown'),
            'Infrafabric.service.hostname' => $field('ifb_hostname'),
            'Infrafabric.service.ips' => $field('ifb_ips') ?: $field('ifb_ipv4'),
            'Infrafabric.service.user' => $field('ifb_user'),
            'Infrafabric.service.plan' => $field('ifb_plan'),
            'Infrafabric.service.sizes' => $this->sizes($known),
            'Infrafabric.service.image' => $field('ifb_image'),
            'Infrafabric.service.datacenter' => $field('ifb_datacenter'),
            'Infrafabric.service.expires' => Moment::read($field('ifb_expires')),
            'Infrafabric.service.terminate_at' => Moment::read($known->text('terminate_at')),
        ];

        return $rows + ($this->page->staff ? [
            'Infrafabric.service.error' => $field('ifb_error'),
            'Infrafabric.service.key' => $this->page->key,
            'Infrafabric.service.instance' => $field('ifb_instance'),
        ] : []);
    }

    private function sizes(Known $known): string
    {
        $sizes = array_map($known->text(...), ['cpus', 'memory_mb', 'disk_gb']);

        return in_array('', $sizes, true) ? '' : $this->page->say('Infrafabric.service.sizes_value', ...$sizes);
    }

    /**
     * Why the machine is not as one would expect: told to staff and client alike, except for what is staff's to mend.
     *
     * @return list<string>
     */
    private function reasons(Known $known, ServiceFields $fields): array
    {
        $notice = $fields->value('ifb_notice');
        $suspension = $this->page->service->suspension_reason ?? '';
        $reason = is_string($suspension) && $suspension !== '' ? $suspension : $known->text('state_reason');
        $suspended = $known->text('state') === 'suspended' || $this->page->status() === 'suspended';
        $said = $suspended && $reason !== '' ? $this->page->say('Infrafabric.overview.suspended', $reason) : '';
        $drifted = ($known->service['drifted'] ?? false) === true;

        return [
            $said,
            $this->page->staff && $drifted && !$suspended ? $known->text('state_reason') : '',
            $this->page->staff && $notice !== ServiceFields::NOTHING ? $notice : '',
        ];
    }
}
