<?php

declare(strict_types=1);

namespace Infrafabric;

use Closure;

/**
 * Brings Blesta up to date with one connection of the bridge.
 *
 * The cursor is kept as a company setting (a module row's meta can only be written through editModuleRow) and stored
 * after a page was applied: a crash means that a page is applied twice, which changes nothing the second time.
 */
final class Sync
{
    private const PAGE = 200;
    private const SECONDS = 15.0;
    private const ENDED_BADLY = ['failed', 'canceled'];

    /**
     * @param object $services Blesta's Services model
     * @param object $companies Blesta's Companies model
     * @param Closure(string, string, bool): void $note writes to the module log: subject, text, success
     * @param Closure(string, string...): string $say
     */
    public function __construct(
        private Bridge $bridge,
        private object $services,
        private object $companies,
        private int $moduleId,
        private object $row,
        private int $companyId,
        private Closure $note,
        private Closure $say,
        private ReadyMail $mail
    ) {
    }

    /**
     * Page by page until nothing is left or the time is over; the next run goes on where this one stopped.
     */
    public function run(Deadline $deadline): void
    {
        $cursor = $this->cursor();
        while ($deadline->allows()) {
            $answer = $this->bridge->get('/v1/changes' . self::query($cursor), self::SECONDS);
            if ($answer->status === 410) {
                $cursor = $this->readAll($deadline);
                if ($cursor === '') {
                    return;
                }
                continue;
            }
            $items = $answer->items();
            if (!$answer->isSuccess() || !$this->apply($items)) {
                return;
            }
            $next = $answer->text('next_cursor') ?: $this->last($items, $cursor);
            $this->store($next);
            if ($items === [] || $next === $cursor) {
                return;
            }
            $cursor = $next;
        }
    }

    private static function query(string $cursor): string
    {
        return '?limit=' . self::PAGE . ($cursor === '' ? '' : '&cursor=' . rawurlencode($cursor));
    }

    /**
     * Bring one service up to date with what the bridge says of it now, as a staff member asked.
     *
     * @param array<mixed> $known the bridge's Service
     */
    public function refresh(object $service, array $known): void
    {
        $this->bring($service, $known);
    }

    /**
     * @param list<array<mixed>> $items
     */
    private function last(array $items, string $cursor): string
    {
        $last = $items === [] ? null : $items[count($items) - 1]['cursor'] ?? null;

        return is_scalar($last) ? (string) $last : $cursor;
    }

    /**
     * After the bridge forgot our place: every service as it is now, then on from the cursor of before that reading.
     *
     * @return string the cursor to go on from, '' when the reading did not get through
     */
    private function readAll(Deadline $deadline): string
    {
        $fresh = null;
        $place = '';
        while ($deadline->allows()) {
            $answer = $this->bridge->get('/v1/services' . self::query($place), self::SECONDS);
            $fresh ??= $answer->text('changes_cursor');
            if (!$answer->isSuccess() || !$this->apply($answer->items())) {
                return '';
            }
            $place = $answer->text('next_cursor');
            if ($place === '') {
                $this->store($fresh);

                return $fresh;
            }
        }

        return '';
    }

    /**
     * @param list<array<mixed>> $items changes, or services
     * @return bool false when the page has to be applied again
     */
    private function apply(array $items): bool
    {
        foreach ($items as $item) {
            $service = $this->find(Uuid::read($item['service_key'] ?? null));
            if ($service !== null && !$this->bring($service, $item)) {
                return false;
            }
        }

        return true;
    }

    /**
     * The service in Blesta; null when the key is none of ours (an order that was deleted, or is being added now).
     */
    private function find(?string $key): ?object
    {
        $found = $key === null ? [] : $this->services->searchServiceFields($this->moduleId, 'ifb_key', $key);
        $mine = [];
        foreach ($found ?: [] as $service) {
            $service = $this->services->get((int) $service->id);
            if (is_object($service) && (int) ($service->module_row_id ?? 0) === (int) $this->row->id) {
                $mine[($service->status ?? '') === 'canceled' ? 1 : 0][] = $service;
            }
        }
        if ($mine === [] && $key !== null) {
            ($this->note)('sync', ($this->say)('Infrafabric.sync.unknown_service', $key), true);
        }

        return $mine[0][0] ?? $mine[1][0] ?? null;
    }

    /**
     * @param array<mixed> $item
     */
    private function bring(object $service, array $item): bool
    {
        $told = is_array($item['fields'] ?? null) ? array_values(array_filter($item['fields'], 'is_array')) : [];
        $this->write($service, $told);
        $operation = is_array($item['operation'] ?? null) ? $item['operation'] : [];
        $state = is_string($item['state'] ?? null) ? $item['state'] : '';
        $begins = $state === 'active' && ($operation['action'] ?? '') === 'create';
        if ($state === 'active' && $service->status === 'pending') {
            $begins = $this->activate($service);
        }
        if ($state === 'active' && $service->status === 'active') {
            $this->mailReady($service, $told);
            // Only as it begins: an address that was given back later stays away.
            if ($begins && !$this->furnish($service)) {
                return false;
            }
        }
        if (in_array($operation['state'] ?? '', self::ENDED_BADLY, true)) {
            return $this->ended($service, $operation);
        }
        $undone = ($operation['action'] ?? '') === 'undo_terminate' && ($operation['state'] ?? '') === 'succeeded';
        if ($undone && $service->status === 'canceled' && in_array($state, ['active', 'suspended'], true)) {
            $this->putBack($service, $state);
            ($this->note)('sync', ($this->say)('Infrafabric.sync.undone', (string) $service->id, $state), true);
        }

        return true;
    }

    /**
     * @param list<array<mixed>> $told
     */
    private function write(object $service, array $told): void
    {
        $stored = [];
        foreach ($service->fields ?? [] as $field) {
            $stored[$field->key] = $field;
        }
        $new = ServiceFields::clean($told);
        foreach ($new === [] ? [] : ServiceFields::TRANSIENT as $key) {
            $outdated = isset($stored[$key]) && !isset($new[$key]);
            $new += $outdated ? [$key => ['value' => ServiceFields::NOTHING, 'encrypted' => 0]] : [];
        }
        foreach ($new as $key => $field) {
            $this->writeField($service, $key, $field['value'], (bool) $field['encrypted'], $stored[$key] ?? null);
        }
    }

    private function writeField(object $service, string $key, string $value, bool $secret, ?object $stored): void
    {
        $secret = $secret || !empty($stored->encrypted);
        if ($stored !== null && (string) $stored->value === $value && !empty($stored->encrypted) === $secret) {
            return;
        }
        $field = ['key' => $key, 'value' => $value, 'encrypted' => $secret ? 1 : 0];
        if ($stored === null) {
            $this->services->addField($service->id, $field);
        } else {
            $this->services->editField($service->id, $field);
        }
        $this->complain('field ' . $key);
    }

    /**
     * The machine runs, so the order is complete. Without the module: it would be asked to make a new service key.
     *
     * @return bool whether Blesta took it
     */
    private function activate(object $service): bool
    {
        $this->services->edit($service->id, ['status' => 'active', 'use_module' => 'false'], true, true);
        if ($this->complain('activate service ' . $service->id)) {
            return false;
        }
        $service->status = 'active';
        ($this->note)('sync', ($this->say)('Infrafabric.sync.activated', (string) $service->id), true);

        return true;
    }

    /**
     * The addresses that were bought, for a machine that became ready after its order.
     *
     * @return bool false when the bridge could not be asked now
     */
    private function furnish(object $service): bool
    {
        $package = $service->package ?? null;
        $extra = is_object($package) ? Machine::of($package, Options::ofService($service))->extraAddresses() : null;
        $furnishing = new Furnishing($this->bridge, ServiceFields::ofService($service)->value('ifb_key'));
        foreach ($furnishing->addresses($extra ?? 0, false) as $answer) {
            if (!$answer->isSuccess()) {
                $this->tell($service, (new Masker())->text(Outcome::of($answer)->detail()));
            }
            if (!$answer->isSuccess() && !$answer->isRefusal()) {
                return false;
            }
        }

        return true;
    }

    /**
     * The mail for a service whose welcome left before its machine was ready.
     *
     * @param list<array<mixed>> $told
     */
    private function mailReady(object $service, array $told): void
    {
        $fields = ServiceFields::ofService($service)->told($told);
        if ($this->mail->isDue($fields)) {
            $stored = array_column((array) $service->fields, null, 'key');
            $this->writeField($service, ReadyMail::FIELD, ReadyMail::SENT, false, $stored[ReadyMail::FIELD] ?? null);
            $this->tell($service, $this->mail->send($service, $fields));
        }
    }

    private function tell(object $service, string $trouble): void
    {
        if ($trouble !== '') {
            $text = ($this->say)('Infrafabric.sync.furnish', (string) $service->id, $trouble);
            ($this->note)('service ' . $service->id, $text, false);
        }
    }

    /**
     * An operation that Blesta took for done has failed in the end: tell staff, and take back the status it set.
     *
     * @param array<mixed> $operation
     * @return bool false when the service's present state cannot be learned now
     */
    private function ended(object $service, array $operation): bool
    {
        $undone = [
            'suspend' => 'suspended',
            'unsuspend' => 'active',
            'terminate' => 'canceled',
            'terminate_later' => 'canceled',
        ];
        $action = is_string($operation['action'] ?? null) ? $operation['action'] : '';
        $error = is_array($operation['error'] ?? null) ? $operation['error'] : [];
        $texts = array_filter([$error['detail'] ?? null, $error['title'] ?? null, ''], 'is_string');
        $detail = (new Masker())->text((string) reset($texts));
        if (!isset($undone[$action]) || $service->status !== $undone[$action]) {
            ($this->note)('service ' . $service->id, ($this->say)('Infrafabric.sync.failed', $action, $detail), false);

            return true;
        }
        $key = ServiceFields::ofService($service)->value('ifb_key');
        $now = $this->bridge->get('/v1/services/' . rawurlencode($key));
        if (!$now->isSuccess()) {
            return $now->isRefusal();
        }
        // Judged by the present state: a later command may have succeeded where this one failed.
        $wanted = ['active' => 'active', 'suspended' => 'suspended'][$now->text('state')] ?? null;
        if ($wanted === null || $wanted === $service->status || $now->text('current_operation_id') !== '') {
            return true;
        }
        $text = ($this->say)('Infrafabric.sync.put_back', $action, $wanted, mb_strimwidth($detail, 0, 300, '…'));
        $stored = array_column((array) $service->fields, null, 'key');
        $this->writeField($service, 'ifb_notice', $text, false, $stored['ifb_notice'] ?? null);
        $this->putBack($service, $wanted);
        ($this->note)('service ' . $service->id, $text, false);

        return true;
    }

    private function putBack(object $service, string $status): void
    {
        $vars = ['use_module' => 'false'];
        match (true) {
            $service->status === 'suspended' && $status === 'active' => $this->services->unsuspend($service->id, $vars),
            $service->status === 'active' && $status === 'suspended' => $this->services->suspend($service->id, $vars),
            default => $this->services->edit($service->id, $vars + ['status' => $status, 'date_canceled' => null], true),
        };
        $this->complain('status of service ' . $service->id);
    }

    /**
     * Blesta's own refusal goes to the module log; a page that Blesta refuses for ever must not stop all others.
     */
    private function complain(string $subject): bool
    {
        $errors = $this->services->errors();
        if ($errors) {
            ($this->note)($subject, ($this->say)('Infrafabric.sync.refused', (string) json_encode($errors)), false);
        }

        return (bool) $errors;
    }

    private function setting(): string
    {
        // Short, because settings have short names; bound to the connection, because cursors are.
        $connection = substr(hash('sha256', (string) ($this->row->meta->connection_id ?? '')), 0, 8);

        return 'ifb_cursor_' . (int) $this->row->id . '_' . $connection;
    }

    private function cursor(): string
    {
        $setting = $this->companies->getSetting($this->companyId, $this->setting());

        return is_object($setting) ? (string) ($setting->value ?? '') : '';
    }

    private function store(string $cursor): void
    {
        if ($cursor !== '' && $cursor !== $this->cursor()) {
            $this->companies->setSetting($this->companyId, $this->setting(), $cursor);
        }
    }
}
