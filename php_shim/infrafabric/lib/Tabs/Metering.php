<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

/**
 * Hourly points of metering: CPU in percent, disk in GiB, traffic in MiB.
 */
final class Metering
{
    private const MIB = 1048576;

    /**
     * @param list<array{at: string, cpu: float, traffic_in: float, traffic_out: float, disk: float}> $points
     */
    private function __construct(private array $points)
    {
    }

    /**
     * @param array<mixed> $usage the bridge's answer
     */
    public static function of(array $usage): self
    {
        $points = [];
        $series = is_array($usage['series'] ?? null) ? $usage['series'] : [];
        foreach (array_filter($series, 'is_array') as $point) {
            $number = static fn (string $name): float => max(0.0, is_numeric($point[$name] ?? null)
                ? (float) $point[$name] : 0.0);
            $points[] = [
                'at' => Moment::read($point['at'] ?? null),
                'cpu' => $number('cpu_percent'),
                'traffic_in' => $number('traffic_in_bytes') / self::MIB,
                'traffic_out' => $number('traffic_out_bytes') / self::MIB,
                'disk' => $number('disk_used_gb'),
            ];
        }

        return new self($points);
    }

    /**
     * @return array<string, float> value by moment
     */
    public function line(string $name): array
    {
        return array_column($this->points, $name, 'at');
    }

    /**
     * Traffic of the whole period in both directions, in GiB.
     */
    public function traffic(): float
    {
        $both = [...array_column($this->points, 'traffic_in'), ...array_column($this->points, 'traffic_out')];

        return array_sum($both) / 1024;
    }

    /**
     * The points as a table for those who cannot see the graphs; over many days, one line a day.
     *
     * @return array<string, array{cpu: float, traffic_in: float, traffic_out: float, disk: float}>
     */
    public function table(bool $byDay): array
    {
        $groups = [];
        foreach ($this->points as $point) {
            $groups[$byDay ? substr($point['at'], 0, 10) : $point['at']][] = $point;
        }
        $average = static fn (array $group, string $name): float
            => round(array_sum(array_column($group, $name)) / count($group), 1);
        $sum = static fn (array $group, string $name): float => round(array_sum(array_column($group, $name)), 1);

        return array_map(static fn (array $group): array => [
            'cpu' => $average($group, 'cpu'),
            'traffic_in' => $sum($group, 'traffic_in'),
            'traffic_out' => $sum($group, 'traffic_out'),
            'disk' => $average($group, 'disk'),
        ], $groups);
    }
}
