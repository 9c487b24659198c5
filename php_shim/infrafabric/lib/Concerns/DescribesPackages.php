<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Bridge;
use Infrafabric\Check;
use Infrafabric\FirewallPresets;
use Infrafabric\Machine;
use Infrafabric\Texts;

/**
 * Packages: which machine is sold. The lists come from the bridge's catalog; without it the ids are typed.
 */
trait DescribesPackages
{
    public function getPackageFields($vars = null)
    {
        return $this->guarded(function () use ($vars) {
            $meta = (array) ($vars->meta ?? []);
            $type = ($meta['type'] ?? '') === 'container' ? 'container' : 'vps';
            $catalog = $this->catalog($vars, $type);
            $fields = new \ModuleFields();
            $types = [
                'vps' => $this->say('Infrafabric.package.vps'),
                'container' => $this->say('Infrafabric.package.container'),
            ];
            $this->packageField($fields, 'type', 'Infrafabric.package.type', $type, $types, 'fetchModuleOptions();');
            $this->packageField($fields, 'plan', 'Infrafabric.package.plan', $meta['plan'] ?? '', $catalog['plans']);
            $this->packageField($fields, 'cpus', 'Infrafabric.package.cpus', $meta['cpus'] ?? '');
            $this->packageField($fields, 'memory_mb', 'Infrafabric.package.memory_mb', $meta['memory_mb'] ?? '');
            $this->packageField($fields, 'disk_gb', 'Infrafabric.package.disk_gb', $meta['disk_gb'] ?? '');
            $this->packageField($fields, 'image', 'Infrafabric.package.image', $meta['image'] ?? '', $catalog['images']);
            $this->choicesField($fields, (string) ($meta['image_choices'] ?? ''));
            $center = $meta['datacenter'] ?? '';
            $centers = $catalog['datacenters'];
            $this->packageField($fields, 'datacenter', 'Infrafabric.package.datacenter', $center, $centers);
            $allowed = $meta['datacenters_allowed'] ?? '';
            $this->packageField($fields, 'datacenters_allowed', 'Infrafabric.package.datacenters_allowed', $allowed);
            $preset = $meta['firewall_preset'] ?? '';
            $text = 'Infrafabric.package.firewall_preset';
            $this->packageField($fields, 'firewall_preset', $text, $preset, $this->presets());
            foreach (Texts::NUMBERS as $name => [$text]) {
                $this->packageField($fields, $name, $text, $meta[$name] ?? '');
            }

            return $fields;
        }, new \ModuleFields());
    }

    /**
     * @param array<string, string> $options an empty list makes it a text field
     */
    private function packageField(
        \ModuleFields $fields,
        string $name,
        string $text,
        mixed $value,
        array $options = [],
        string $onchange = ''
    ): void {
        $id = 'infrafabric_' . $name;
        $attributes = ['id' => $id] + ($onchange === '' ? [] : ['onchange' => $onchange]);
        $label = $fields->label($this->say($text), $id);
        $value = is_scalar($value) ? (string) $value : '';
        if ($options === []) {
            $label->attach($fields->fieldText("meta[$name]", $value, $attributes));
        } else {
            // What is stored stays selectable, also when the catalog no longer has it.
            $options += $value === '' ? [] : [$value => $value];
            $label->attach($fields->fieldSelect("meta[$name]", $options, $value, $attributes));
        }
        $fields->setField($label);
    }

    /**
     * @return array<string, string> what a new machine's firewall may begin with
     */
    private function presets(): array
    {
        $presets = array_map(fn (string $text): string => $this->say($text), Texts::PRESETS);

        return ['' => '—'] + array_diff_key($presets, ['open' => 0]);
    }

    private function choicesField(\ModuleFields $fields, string $value): void
    {
        $label = $fields->label($this->say('Infrafabric.package.image_choices'), 'infrafabric_image_choices');
        $label->attach(
            $fields->fieldTextarea('meta[image_choices]', $value, ['id' => 'infrafabric_image_choices', 'rows' => 4])
        );
        $label->attach($fields->tooltip($this->say('Infrafabric.package.image_choices_help')));
        $fields->setField($label);
    }

    /**
     * Lists for the select fields; all empty when the bridge cannot be asked.
     *
     * @return array{plans: array<string, string>, images: array<string, string>, datacenters: array<string, string>}
     */
    private function catalog(mixed $vars, string $type): array
    {
        $lists = ['plans' => [], 'images' => [], 'datacenters' => []];
        $row = $this->packageRow($vars);
        if ($row === null) {
            return $lists;
        }
        $bridge = $this->bridgeOf($row, 'staff:0');
        $end = microtime(true) + Bridge::VIEW_SECONDS;
        foreach (array_keys($lists) as $list) {
            $left = $end - microtime(true);
            $answer = $left > 0.2 ? $bridge->get("/v1/catalog/$list", $left) : null;
            if ($answer === null || !$answer->isSuccess()) {
                break;
            }
            foreach ($answer->items() as $item) {
                if (is_string($item['id'] ?? null) && in_array($item['type'] ?? $type, [$type, ''], true)) {
                    $lists[$list][$item['id']] = $this->catalogLabel($item);
                }
            }
            $lists[$list] = $lists[$list] === [] || $list === 'images' ? $lists[$list] : ['' => '—'] + $lists[$list];
        }

        return $lists;
    }

    /**
     * @param array<mixed> $item
     */
    private function catalogLabel(array $item): string
    {
        $name = is_string($item['name'] ?? null) ? $item['name'] : $item['id'];
        if (!isset($item['cpus'], $item['memory_mb'], $item['disk_gb'])) {
            return $name;
        }

        return sprintf('%s (%d CPU, %d MiB, %d GiB)', $name, $item['cpus'], $item['memory_mb'], $item['disk_gb']);
    }

    private function packageRow(mixed $vars): ?object
    {
        $id = $vars->module_row ?? null;
        if (is_numeric($id) && (int) $id > 0 && is_object($row = $this->getModuleRow((int) $id))) {
            return $row;
        }
        $group = $vars->module_group ?? null;
        $rows = is_numeric($group) ? $this->getModuleRows((int) $group) : $this->getModuleRows();

        return array_values((array) $rows)[0] ?? null;
    }

    public function addPackage(?array $vars = null)
    {
        return $this->guarded(fn () => $this->packageMeta((array) ($vars['meta'] ?? [])));
    }

    public function editPackage($package, ?array $vars = null)
    {
        return $this->guarded(fn () => $this->packageMeta((array) ($vars['meta'] ?? [])));
    }

    public function deletePackage($package)
    {
        return null;
    }

    /**
     * @param array<string, mixed> $meta
     * @return list<array<string, mixed>>|null
     */
    private function packageMeta(array $meta): ?array
    {
        $machine = Machine::of((object) ['meta' => $meta + ['type' => 'vps']]);
        foreach ($this->packageFaults($machine) as $field => [$rule, $text]) {
            $this->fail("meta[$field]", $rule, $this->say($text));
        }
        if ($this->Input->errors()) {
            return null;
        }
        $stored = [];
        $numbers = array_keys(Texts::NUMBERS);
        $texts = ['type', 'plan', 'image', 'image_choices', 'datacenter', 'datacenters_allowed', 'firewall_preset'];
        foreach ([...$texts, ...Machine::SIZES, ...$numbers] as $key) {
            if ($machine->meta($key) !== '') {
                $stored[] = ['key' => $key, 'value' => $machine->meta($key), 'encrypted' => 0];
            }
        }

        return $stored;
    }

    /**
     * @return array<string, array{string, string}> field => rule and text
     */
    private function packageFaults(Machine $machine): array
    {
        $faults = [];
        if (!in_array($machine->meta('type'), ['vps', 'container'], true)) {
            $faults['type'] = ['valid', 'Infrafabric.!error.package_type'];
        }
        $limits = ['cpus' => [1, 64], 'memory_mb' => [512, 262144], 'disk_gb' => [5, 4000]];
        $given = array_filter(array_keys($limits), static fn ($name) => $machine->meta($name) !== '');
        if ($machine->meta('plan') === '') {
            foreach ($limits as $name => [$least, $most]) {
                if (!Check::whole($machine->meta($name), $least, $most)) {
                    $faults[$name] = ['valid', Texts::SIZE_ERRORS[$name]];
                }
            }
        } elseif ($given !== []) {
            $faults['plan'] = ['valid', 'Infrafabric.!error.package_plan_or_sizes'];
        } elseif (!Check::name($machine->meta('plan'))) {
            $faults['plan'] = ['format', 'Infrafabric.!error.package_plan'];
        }
        $choices = array_map('strval', array_keys($machine->imageChoices()));
        $wrong = array_filter($choices, static fn (string $id) => !Check::name($id));
        $faults += Check::name($machine->meta('image')) ? [] : ['image' => ['format', 'Infrafabric.!error.package_image']];
        $faults += $wrong === [] ? [] : ['image_choices' => ['format', 'Infrafabric.!error.package_image_choices']];
        foreach (Texts::NUMBERS as $name => [, $text, $least, $most]) {
            $given = $machine->meta($name);
            $faults += $given === '' || Check::whole($given, $least, $most) ? [] : [$name => ['valid', $text]];
        }
        $centers = $machine->list('datacenters_allowed');
        if (array_filter($centers, static fn (string $id) => !Check::name($id)) !== []) {
            $faults['datacenters_allowed'] = ['format', 'Infrafabric.!error.package_datacenters_allowed'];
        }
        if (!in_array($machine->meta('firewall_preset'), ['', ...FirewallPresets::names()], true)) {
            $faults['firewall_preset'] = ['valid', 'Infrafabric.!error.package_firewall_preset'];
        }
        $datacenter = $machine->meta('datacenter');

        return $faults + ($datacenter === '' || Check::name($datacenter)
            ? [] : ['datacenter' => ['format', 'Infrafabric.!error.package_datacenter']]);
    }
}
