<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Whether a wished change fits the machine there is, asked before anybody is billed for it.
 *
 * Soft: while the bridge cannot be asked everything fits, and the bridge itself refuses later what does not.
 */
final class Fit
{
    public const SECONDS = 2.5;

    /**
     * @param Answer $service what the bridge says of the service
     * @param array<string, int|string> $sizing a plan or sizes
     * @param int|null $extra addresses beside the first, where that is an option
     * @return array<string, string> language key of what does not fit, by field
     */
    public static function faults(Bridge $bridge, Answer $service, array $sizing, ?int $extra): array
    {
        if (!$service->isSuccess() || $service->text('instance_id') === '') {
            return [];
        }
        $faults = [];
        $disk = $sizing['disk_gb'] ?? self::diskOf($bridge, (string) ($sizing['plan'] ?? ''));
        if (is_numeric($disk) && (int) $disk < (int) $service->text('disk_gb')) {
            $faults['disk_gb'] = 'Infrafabric.!error.shrink';
        }
        if ($extra !== null && $extra < Furnishing::extra($service)) {
            $faults['extra_ips'] = 'Infrafabric.!error.fewer_addresses';
        }

        return $faults;
    }

    private static function diskOf(Bridge $bridge, string $plan): mixed
    {
        $plans = $plan === '' ? [] : $bridge->get('/v1/catalog/plans', self::SECONDS)->items();

        return array_column($plans, 'disk_gb', 'id')[$plan] ?? null;
    }
}
