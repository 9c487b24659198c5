<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Bridge;
use Infrafabric\Deadline;

/**
 * A service as the bridge sees it now: its state, what may be done, and what is under way.
 */
final class Known
{
    /**
     * @param bool $fresh whether the bridge has answered; else only the stored fields are known
     * @param array<mixed> $service the bridge's Service, empty when it has none under that key
     * @param array<string, array<mixed>> $actions by name
     * @param array<mixed> $operation the unfinished one, empty when nothing is under way
     */
    private function __construct(
        public readonly bool $fresh,
        public readonly array $service = [],
        public readonly array $actions = [],
        public readonly array $operation = []
    ) {
    }

    public static function read(Bridge $bridge, string $key, Deadline $deadline): self
    {
        $path = '/v1/services/' . rawurlencode($key);
        // Less than all the time: the rest of the page still wants to be asked for.
        $service = $deadline->allows() ? $bridge->get($path, min(3.0, $deadline->left())) : null;
        if ($service === null || !$service->isSuccess()) {
            return new self($service !== null && $service->status === 404 && $service->body !== null);
        }
        $actions = $deadline->allows() ? $bridge->get($path . '/actions', $deadline->left())->items() : [];
        $running = $service->text('current_operation_id');
        $operation = $running !== '' && $deadline->allows()
            ? $bridge->get('/v1/operations/' . rawurlencode($running), $deadline->left()) : null;
        $underWay = $operation?->isSuccess() && $operation->text('finished_at') === '' ? $operation->body : [];

        return new self(true, $service->body ?? [], array_column($actions, null, 'action'), $underWay ?? []);
    }

    public function text(string $member): string
    {
        $value = $this->service[$member] ?? '';

        return is_scalar($value) ? (string) $value : '';
    }

    /**
     * @return list<array<mixed>> `addresses`, `volumes` or `fields`
     */
    public function list(string $member): array
    {
        $items = $this->service[$member] ?? [];

        return is_array($items) ? array_values(array_filter($items, 'is_array')) : [];
    }

    /**
     * What the package allows at most, null without a limit.
     */
    public function limit(string $name): ?int
    {
        $limit = $this->service['limits'][$name] ?? null;

        return is_int($limit) ? $limit : null;
    }

    /**
     * Whether the action may be asked for now; one that the bridge does not mention may be tried, the bridge judges.
     *
     * @return array{allowed: bool, reason: string}
     */
    public function judge(string $action): array
    {
        $reason = $this->actions[$action]['reason'] ?? '';
        $allowed = ($this->actions[$action]['allowed'] ?? true) !== false;

        return ['allowed' => $allowed, 'reason' => is_string($reason) ? $reason : ''];
    }
}
