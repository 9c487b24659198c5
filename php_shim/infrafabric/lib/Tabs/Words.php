<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Masker;
use Infrafabric\Texts;

/**
 * Operations of the bridge in plain words.
 */
final class Words
{
    public function __construct(private Host $host, private bool $staff)
    {
    }

    /**
     * @param array<mixed> $operation
     * @return array{id: string, action: string, actor: string, state: string, outcome: string, progress: int, at: string,
     *     ended: string}
     */
    public function entry(array $operation): array
    {
        $text = static fn (string $member): string => is_scalar($operation[$member] ?? null)
            ? (string) $operation[$member] : '';

        return [
            'id' => $text('id'),
            'action' => $this->action($text('action')),
            'actor' => $this->actor($text('actor')),
            'state' => $text('state'),
            'outcome' => $this->outcome($operation),
            'progress' => max(0, min(100, (int) $text('progress'))),
            'at' => Moment::read($text('created_at')),
            'ended' => Moment::read($text('finished_at')),
        ];
    }

    private function action(string $name): string
    {
        return isset(Texts::ACTIONS[$name]) ? $this->host->say(Texts::ACTIONS[$name]) : $name;
    }

    private function actor(string $actor): string
    {
        [$kind, $number] = explode(':', $actor, 2) + [1 => ''];

        return match (true) {
            $kind === 'client' => $this->host->say('Infrafabric.actor.client'),
            $kind === 'staff' && $this->staff && $number > 0 => $this->host->say('Infrafabric.actor.staff_member', $number),
            $kind === 'staff', $kind === 'operator' => $this->host->say('Infrafabric.actor.staff'),
            $kind === 'cron' => $this->host->say('Infrafabric.actor.cron'),
            default => $this->host->say('Infrafabric.actor.bridge'),
        };
    }

    /**
     * @param array<mixed> $operation
     */
    private function outcome(array $operation): string
    {
        $error = is_array($operation['error'] ?? null) ? $operation['error'] : [];
        // A client is told what kind of thing went wrong; what it says of the installation is for staff.
        $reason = $error[$this->staff ? 'detail' : 'title'] ?? '';
        $reason = is_string($reason) ? mb_strimwidth((new Masker())->text($reason), 0, 300, '…', 'UTF-8') : '';

        return match ($operation['state'] ?? '') {
            'succeeded' => $this->host->say('Infrafabric.outcome.succeeded'),
            'failed' => $this->host->say('Infrafabric.outcome.failed', $reason),
            'canceled' => $this->host->say('Infrafabric.outcome.canceled'),
            'queued' => $this->host->say('Infrafabric.outcome.queued'),
            default => $this->host->say('Infrafabric.outcome.running'),
        };
    }
}
