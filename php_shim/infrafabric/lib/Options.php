<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Configurable options in one shape, `{name: value}`, wherever Blesta hands them over, under the names the module knows:
 * plan, cpus, memory_mb, disk_gb, image, datacenter and extra_ips.
 */
final class Options
{
    /** Other words that operators use for them. */
    private const ALIASES = [
        'cpu' => 'cpus', 'cores' => 'cpus', 'memory' => 'memory_mb', 'ram' => 'memory_mb', 'disk' => 'disk_gb',
        'storage' => 'disk_gb', 'os' => 'image', 'template' => 'image', 'location' => 'datacenter',
        'region' => 'datacenter', 'ips' => 'extra_ips', 'extra_ipv4' => 'extra_ips',
    ];

    /**
     * @param array<string, mixed> $vars of addService and editService: options keyed by name
     * @return array<string, string>
     */
    public static function ofVars(array $vars): array
    {
        $options = $vars['configoptions'] ?? [];

        return self::plain(is_array($options) ? $options : []);
    }

    /**
     * @param object $service a stored service with its option records
     * @return array<string, string>
     */
    public static function ofService(object $service): array
    {
        $options = [];
        foreach ($service->options ?? [] as $option) {
            $value = ($option->option_type ?? '') === 'quantity'
                ? ($option->qty ?? '')
                : ($option->option_value ?? $option->value ?? '');
            $options[(string) ($option->option_name ?? '')] = $value === '' ? ($option->value ?? '') : $value;
        }

        return self::plain($options);
    }

    /**
     * Whether an edit is about the size: an option of it is given, or one that the service has is not any more.
     *
     * @param array<string, mixed> $vars
     */
    public static function resize(object $service, array $vars): bool
    {
        $names = array_flip(['plan', ...Machine::SIZES]);
        $given = self::ofVars($vars);

        return $given !== [] && array_intersect_key($given + self::ofService($service), $names) !== [];
    }

    /**
     * @param array<mixed> $options
     * @return array<string, string>
     */
    private static function plain(array $options): array
    {
        $plain = [];
        foreach ($options as $name => $value) {
            if (is_scalar($value) && trim((string) $value) !== '') {
                $name = strtolower(trim((string) $name));
                $plain[self::ALIASES[$name] ?? $name] = trim((string) $value);
            }
        }

        return $plain;
    }
}
