<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Answer;
use Infrafabric\Bridge;
use Infrafabric\Posted;

/**
 * For staff: every operation with its history, what reconcile found, the ids for support, and the way out of trouble.
 */
final class Operations extends Tab
{
    protected const ACTIONS = ['undo_terminate'];
    protected const CONFIRMED = ['undo_terminate', 'cancel', 'retry'];
    protected const ANY_STATUS = ['undo_terminate', 'cancel', 'retry', 'sync'];
    private const PAGE = 20;

    protected function other(string $action, Posted $post, string $nonce): bool
    {
        if (in_array($action, ['cancel', 'retry'], true)) {
            $this->command($action, $post->text('operation_id'), $nonce);
        } elseif ($action === 'sync' && $this->page->host->refresh($this->page->service)) {
            $this->page->host->success($this->page->say('Infrafabric.!success.sync'));
        }

        return in_array($action, ['cancel', 'retry', 'sync'], true);
    }

    private function command(string $verb, string $operation, string $nonce): void
    {
        $mine = preg_match('/\A[a-z0-9_]{1,64}\z/', $operation) === 1
            ? $this->page->bridge->get('/v1/operations/' . $operation, $this->page->deadline->left()) : null;
        if ($mine?->text('service_key') !== $this->page->key) {
            $this->fail('operation_id', 'exists', 'Infrafabric.!error.operation');

            return;
        }
        $path = "/v1/operations/$operation/$verb";
        $answer = $this->page->bridge->post($path, [], Bridge::VIEW_SECONDS, $nonce);
        $text = $verb === 'cancel' ? 'Infrafabric.!success.cancel' : 'Infrafabric.!success.retry';
        if ($answer->isSuccess()) {
            $this->page->host->success($this->page->say($text));
        } else {
            $this->judge($answer, $nonce, '');
        }
    }

    public function values(): array
    {
        $known = $this->page->known();
        $key = rawurlencode($this->page->key);
        $place = preg_match('/\A[A-Za-z0-9_-]{1,64}\z/', $this->page->argument) ? $this->page->argument : '';
        $query = '?order=newest_first&limit=' . self::PAGE . ($place === '' ? '' : "&cursor=$place");
        $operations = $this->read("/v1/services/$key/operations$query");

        return [
            'ids' => array_filter([
                'Infrafabric.service.key' => $this->page->key,
                'Infrafabric.service.instance' => $known->text('instance_id'),
                'Infrafabric.operations.connection' => $known->text('connection_id'),
            ]),
            'ends' => Moment::read($known->text('terminate_at')),
            'entries' => array_map($this->entry(...), $operations?->items() ?? []),
            'older' => $operations?->text('next_cursor') ?? '',
            'findings' => array_map($this->finding(...), $this->read("/v1/drift?service_key=$key")?->items() ?? []),
        ];
    }

    private function read(string $path): ?Answer
    {
        return $this->page->deadline->allows() ? $this->page->bridge->get($path, $this->page->deadline->left()) : null;
    }

    /**
     * @param array<mixed> $operation
     * @return array<string, mixed>
     */
    private function entry(array $operation): array
    {
        $entry = (new Words($this->page->host, true))->entry($operation);
        $timeline = is_array($operation['timeline'] ?? null) ? array_filter($operation['timeline'], 'is_array') : [];

        return $entry + [
            'timeline' => array_map(self::event(...), array_values($timeline)),
            'canceled' => in_array($entry['state'], ['queued', 'running', 'awaiting'], true),
            'retried' => $entry['state'] === 'failed',
        ];
    }

    /**
     * @param array<mixed> $event
     */
    private static function event(array $event): string
    {
        $name = is_string($event['event'] ?? null) ? $event['event'] : '';

        return trim(Moment::read($event['at'] ?? null) . ' ' . $name . ' ' . self::detail($event['detail'] ?? null));
    }

    /**
     * @param array<mixed> $finding
     * @return array{class: string, since: string, detail: string}
     */
    private function finding(array $finding): array
    {
        return [
            'class' => is_string($finding['class'] ?? null) ? $finding['class'] : '',
            'since' => Moment::read($finding['first_seen'] ?? null),
            'detail' => self::detail($finding['detail'] ?? null),
        ];
    }

    private static function detail(mixed $detail): string
    {
        $text = is_array($detail) && $detail !== [] ? (new \Infrafabric\Masker())->text((string) json_encode($detail)) : '';

        return mb_strimwidth($text, 0, 500, '…', 'UTF-8');
    }
}
