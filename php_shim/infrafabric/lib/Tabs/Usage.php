<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use DateTimeImmutable;
use DateTimeZone;
use Infrafabric\Answer;

/**
 * What the machine uses, as InfraFabric meters it hour by hour; times are UTC.
 */
final class Usage extends Tab
{
    public const PERIODS = [
        'day' => 'Infrafabric.usage.day',
        'week' => 'Infrafabric.usage.week',
        'month' => 'Infrafabric.usage.month',
    ];

    public function values(): array
    {
        $period = array_key_exists($this->page->argument, self::PERIODS) ? $this->page->argument : 'day';
        $answer = $this->page->known()->text('instance_id') === '' ? null : $this->read($period);
        $month = $period === 'month' || $answer === null || !$answer->isSuccess() ? $answer : $this->read('month');
        $metering = Metering::of($answer?->body ?? []);
        $traffic = $month?->isSuccess() ? Metering::of($month->body ?? [])->traffic() : null;

        return [
            'read' => $answer?->isSuccess() ?? false,
            'reason' => $answer === null ? 'Infrafabric.usage.none' : 'Infrafabric.usage.away',
            'period' => $period,
            'periods' => array_map(fn (string $text) => $this->page->say($text), self::PERIODS),
            'graphs' => $this->graphs($metering),
            'table' => $metering->table($period !== 'day'),
            'traffic' => $traffic,
            'quota' => $traffic === null ? 0 : $this->quota(),
        ];
    }

    private function read(string $period): ?Answer
    {
        $now = new DateTimeImmutable('now', new DateTimeZone('UTC'));
        $from = match ($period) {
            'day' => $now->modify('-24 hours'),
            'week' => $now->modify('-7 days'),
            default => $now->modify('first day of this month')->setTime(0, 0),
        };
        $form = 'Y-m-d\TH:i:s\Z';
        $query = http_build_query(['from' => $from->format($form), 'to' => $now->format($form)]);
        $path = '/v1/services/' . rawurlencode($this->page->key) . '/usage?' . $query;

        return $this->page->deadline->allows() ? $this->page->bridge->get($path, $this->page->deadline->left()) : null;
    }

    /**
     * @return list<array{id: string, title: string, graph: Graph}>
     */
    private function graphs(Metering $metering): array
    {
        $graphs = [];
        $texts = [
            'cpu' => 'Infrafabric.usage.cpu',
            'traffic_in' => 'Infrafabric.usage.traffic_in',
            'traffic_out' => 'Infrafabric.usage.traffic_out',
            'disk' => 'Infrafabric.usage.disk',
        ];
        $disk = (float) $this->page->known()->text('disk_gb');
        foreach ($texts as $id => $text) {
            $top = ['cpu' => 100.0, 'disk' => $disk][$id] ?? 0.0;
            $graphs[] = ['id' => $id, 'title' => $this->page->say($text), 'graph' => new Graph($metering->line($id), $top)];
        }

        return $graphs;
    }

    /**
     * Traffic that is included in a month, in GiB: the package's word, else the plan's; 0 when neither has one.
     */
    private function quota(): int
    {
        $own = $this->page->machine->meta('traffic_gb');
        if ($own !== '') {
            return (int) $own;
        }
        $plan = $this->page->known()->text('plan');
        if ($plan === '' || !$this->page->deadline->allows()) {
            return 0;
        }
        $answer = $this->page->bridge->get('/v1/catalog/plans', $this->page->deadline->left());
        $plans = array_column($answer->items(), 'traffic_gb', 'id');

        return is_numeric($plans[$plan] ?? null) ? (int) $plans[$plan] : 0;
    }
}
