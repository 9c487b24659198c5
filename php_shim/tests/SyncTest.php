<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use Services;
use State;
use stdClass;

/**
 * The cron task that brings Blesta up to date with the bridge.
 */
final class SyncTest extends ShimTestCase
{
    private int $row;
    private stdClass $package;

    protected function setUp(): void
    {
        parent::setUp();
        $this->row = $this->row();
        $this->package = $this->package($this->row);
    }

    /**
     * @param array<string, string> $fields
     * @param array<string, mixed>|null $operation
     * @return array<string, mixed>
     */
    private static function change(string $state, array $fields, ?array $operation = null, string $key = self::KEY): array
    {
        $list = self::fieldList($fields, ['ifb_password']);

        return ['cursor' => 1, 'service_key' => $key, 'version' => 1, 'state' => $state, 'operation' => $operation]
            + ['fields' => $list];
    }

    /**
     * @param list<array<string, mixed>> $items
     * @return array<string, mixed>
     */
    private static function page(array $items, ?string $next = null, ?string $changes = null): array
    {
        return ['status' => 200, 'body' => ['items' => $items, 'next_cursor' => $next, 'changes_cursor' => $changes]];
    }

    /**
     * @param array<string, mixed> $present the service when it is asked for by itself
     * @param array<string, mixed> ...$pages
     */
    private function sync(array $present, array ...$pages): void
    {
        self::$bridge->reset();
        self::$bridge->script([
            'GET /v1/changes' => [...$pages, self::page([])],
            'GET /v1/services/*' => [['status' => 200, 'body' => $present]],
        ]);
        $module = $this->module();
        $module->cron('sync');
        self::assertFalse($module->errors(), (string) json_encode($module->errors()));
    }

    /**
     * @return list<string>
     */
    private function queries(): array
    {
        return array_column(self::$bridge->requests(), 'query');
    }

    private function stored(int $id): stdClass
    {
        $service = (new Services())->get($id);
        $service->map = self::map(array_map(static fn ($field) => (array) $field, $service->fields));
        $service->secret = array_keys(array_filter(array_column((array) $service->fields, 'encrypted', 'key')));

        return $service;
    }

    /**
     * Proves that fields are edited or added, keep their encryption, that outdated ones are crossed out, and that the
     * cursor moves page by page and stays for the next run.
     */
    public function testFieldsAndCursor(): void
    {
        $id = $this->service($this->package, 'active', ['ifb_error' => 'old'])->id;
        $first = self::change('active', ['ifb_ipv4' => '192.0.2.7', 'ifb_key' => self::NONCE]);
        $second = self::change('active', ['ifb_ipv4' => '192.0.2.8', 'ifb_password' => 'pw2-canary']);
        $this->sync([], self::page([$first], 'c1'), self::page([$second], 'c2'));
        $service = $this->stored($id);
        self::assertSame(['192.0.2.8', 'pw2-canary', '-'], [
            $service->map['ifb_ipv4'], $service->map['ifb_password'], $service->map['ifb_error'],
        ]);
        self::assertSame(['ifb_password'], $service->secret);
        self::assertSame(self::KEY, $service->map['ifb_key']);
        self::assertSame(['limit=200', 'limit=200&cursor=c1', 'limit=200&cursor=c2'], $this->queries());
        $this->sync([]);
        self::assertSame(['limit=200&cursor=c2'], $this->queries());
        $shown = $this->module($this->row)->getAdminServiceInfo((new Services())->get($id), $this->package);
        self::assertStringNotContainsString('Last Error', $shown);
    }

    /**
     * Proves that a last page without next cursor is remembered by its last item, so that it is not read for ever.
     */
    public function testCursorOfTheLastItem(): void
    {
        $this->service($this->package);
        $changes = [['cursor' => 41] + self::change('active', []), ['cursor' => 42] + self::change('active', [])];
        $this->sync([], self::page($changes));
        self::assertSame(['limit=200', 'limit=200&cursor=42'], $this->queries());
    }

    /**
     * Proves that the cursor is stored only after its page was applied: a crash in between repeats the page, harmlessly.
     */
    public function testCrashRepeatsThePage(): void
    {
        $id = $this->service($this->package, 'suspended')->id;
        $failed = ['id' => 'op', 'action' => 'suspend', 'state' => 'failed', 'error' => ['detail' => 'x']];
        $changes = [self::change('active', ['ifb_ipv4' => '192.0.2.7']), self::change('active', [], $failed)];
        self::$bridge->script([
            'GET /v1/changes' => [self::page($changes, 'c1')],
            'GET /v1/services/*' => [self::problem(503, 'not_ready')],
        ]);
        $this->module()->cron('sync');
        self::assertSame('192.0.2.7', $this->stored($id)->map['ifb_ipv4']);
        self::assertSame('suspended', $this->stored($id)->status);
        $this->sync(['state' => 'active', 'current_operation_id' => null], self::page($changes, 'c1'));
        self::assertSame('limit=200', $this->queries()[0]);
        self::assertSame('active', $this->stored($id)->status);
        $before = State::read()['services'];
        State::change(static function (array &$state): void {
            $state['settings'] = [];
        });
        $this->sync(['state' => 'active', 'current_operation_id' => null], self::page($changes, 'c1'));
        self::assertSame($before, State::read()['services']);
    }

    /**
     * Proves that a pending service whose machine runs becomes active under its own key and gets its mail with data in it.
     */
    public function testPendingIsFinished(): void
    {
        $id = $this->service($this->package, 'pending', ['ifb_password' => ''])->id;
        $review = $this->service($this->package, 'in_review', ['ifb_key' => self::NONCE])->id;
        $this->sync(
            [],
            self::page([self::change('provisioning', ['ifb_state' => 'provisioning'])], 'c1'),
            self::page(
                [self::change('active', ['ifb_state' => 'active', 'ifb_ipv4' => '192.0.2.7', 'ifb_password' => 'p'])],
                'c2'
            ),
            self::page([self::change('active', ['ifb_state' => 'active'], null, self::NONCE)], 'c3')
        );
        $service = $this->stored($id);
        self::assertSame(['active', self::KEY], [$service->status, $service->map['ifb_key']]);
        self::assertSame([['ifb_password', 'ifb_ipv4']], array_map('array_reverse', array_map(static function ($mail) {
            sort($mail);

            return $mail;
        }, $service->mails)));
        self::assertSame('in_review', $this->stored($review)->status);
        self::assertSame([], array_filter(self::$bridge->requests(), static fn ($request) => $request['method'] !== 'GET'));
    }

    /**
     * Proves that the status an accepted command had set is taken back when it fails in the end, with a notice for staff.
     *
     * @testWith ["suspend", "suspended", "active", "active"]
     *           ["suspend", "suspended", "suspended", "suspended"]
     *           ["unsuspend", "active", "suspended", "suspended"]
     *           ["terminate", "canceled", "active", "active"]
     *           ["terminate", "canceled", "suspended", "suspended"]
     *           ["terminate", "canceled", "terminated", "canceled"]
     *           ["terminate_later", "canceled", "active", "active"]
     *           ["renew", "active", "active", "active"]
     */
    public function testStatusIsPutBack(string $action, string $status, string $truth, string $expected): void
    {
        foreach (['failed', 'canceled'] as $end) {
            State::change(static function (array &$state): void {
                $state['settings'] = $state['services'] = [];
            });
            $id = $this->service($this->package, $status)->id;
            $error = ['detail' => 'Provider said no: token=note-canary'];
            $operation = ['id' => 'op', 'action' => $action, 'state' => $end, 'error' => $error];
            $present = ['state' => $truth, 'current_operation_id' => null];
            $this->sync($present, self::page([self::change($truth, ['ifb_state' => $truth], $operation)], 'c1'));
            $service = $this->stored($id);
            self::assertSame($expected, $service->status);
            self::assertStringNotContainsString('note-canary', self::logText() . json_encode($service->map));
            self::assertSame($expected !== $status, isset($service->map['ifb_notice']));
            if ($expected !== $status) {
                self::assertStringContainsString('Provider said no', $service->map['ifb_notice']);
                $html = $this->module($this->row)->getAdminServiceInfo((new Services())->get($id), $this->package);
                self::assertStringContainsString('Provider said no', $html);
                $html = $this->module($this->row)->getClientServiceInfo((new Services())->get($id), $this->package);
                self::assertStringNotContainsString('Provider said no', $html);
            }
            $posts = array_filter(self::$bridge->requests(), static fn ($request) => $request['method'] !== 'GET');
            self::assertSame([], $posts, 'the status is Blesta\'s alone to change');
        }
    }

    /**
     * Proves that a cancellation that was undone in time is taken back in Blesta, and only then.
     *
     * @testWith ["succeeded", "active", "active"]
     *           ["succeeded", "suspended", "suspended"]
     *           ["succeeded", "terminated", "canceled"]
     *           ["running", "active", "canceled"]
     */
    public function testAnUndoneCancellationIsTakenBack(string $end, string $state, string $expected): void
    {
        $id = $this->service($this->package, 'canceled')->id;
        $operation = ['id' => 'op', 'action' => 'undo_terminate', 'state' => $end, 'error' => null];
        $this->sync([], self::page([self::change($state, ['ifb_state' => $state], $operation)], 'c1'));
        self::assertSame($expected, $this->stored($id)->status);
        $posts = array_filter(self::$bridge->requests(), static fn ($request) => $request['method'] !== 'GET');
        self::assertSame([], $posts, 'the status is Blesta\'s alone to change');
    }

    /**
     * Proves that a failure is not held against a service on which a later command is still running.
     */
    public function testRunningOperationKeepsTheStatus(): void
    {
        $id = $this->service($this->package, 'suspended')->id;
        $operation = ['id' => 'op', 'action' => 'suspend', 'state' => 'failed', 'error' => ['detail' => 'x']];
        $present = ['state' => 'active', 'current_operation_id' => 'op_2'];
        $this->sync($present, self::page([self::change('active', [], $operation)], 'c1'));
        self::assertSame('suspended', $this->stored($id)->status);
    }

    /**
     * Proves the full read after an expired cursor: all pages of services, then on from the cursor of before the reading.
     */
    public function testExpiredCursor(): void
    {
        $id = $this->service($this->package, 'pending')->id;
        $other = $this->service($this->package, 'active', ['ifb_key' => self::NONCE])->id;
        $services = [
            self::page([self::change('active', ['ifb_ipv4' => '192.0.2.7'])], 's2', 'fresh'),
            self::page([self::change('active', ['ifb_ipv4' => '192.0.2.8'], null, self::NONCE)], null, 'later'),
        ];
        self::$bridge->script([
            'GET /v1/changes' => [self::problem(410, 'cursor_expired'), self::page([])],
            'GET /v1/services' => $services,
        ]);
        $this->module()->cron('sync');
        self::assertSame(['192.0.2.7', 'active'], [$this->stored($id)->map['ifb_ipv4'], $this->stored($id)->status]);
        self::assertSame('192.0.2.8', $this->stored($other)->map['ifb_ipv4']);
        self::assertSame(['limit=200', 'limit=200', 'limit=200&cursor=s2', 'limit=200&cursor=fresh'], $this->queries());
        $this->sync([]);
        self::assertSame(['limit=200&cursor=fresh'], $this->queries());
    }

    /**
     * Proves that a broken full read is begun anew by the next run.
     */
    public function testBrokenFullRead(): void
    {
        self::$bridge->script([
            'GET /v1/changes' => [self::problem(410, 'cursor_expired')],
            'GET /v1/services' => [self::page([], 's2', 'fresh'), self::problem(503, 'not_ready')],
        ]);
        $this->module()->cron('sync');
        self::assertSame([], State::read()['settings']);
    }

    /**
     * Proves that unknown keys, other rows' services and senseless items do no harm, and that canceled twins lose.
     */
    public function testStrangers(): void
    {
        $old = $this->service($this->package, 'canceled')->id;
        $id = $this->service($this->package)->id;
        $foreign = $this->service($this->package($this->row(['bridge_url' => 'http://127.0.0.1:1'])), 'active')->id;
        $this->sync([], self::page([
            self::change('active', ['ifb_ipv4' => '192.0.2.9'], null, self::NONCE),
            ['service_key' => ['x']], ['fields' => 'x', 'service_key' => self::KEY],
            self::change('active', ['ifb_ipv4' => '192.0.2.7']),
        ], 'c1'));
        self::assertSame('192.0.2.7', $this->stored($id)->map['ifb_ipv4']);
        self::assertArrayNotHasKey('ifb_ipv4', $this->stored($old)->map);
        self::assertArrayNotHasKey('ifb_ipv4', $this->stored($foreign)->map);
        self::assertStringContainsString('which no service of this bridge has', self::logText());
    }

    /**
     * Proves that the other tasks' keys are ignored and that a bridge that is away leaves everything as it is.
     */
    public function testQuietWhenNothingCanBeDone(): void
    {
        $this->module()->cron('other');
        self::assertSame([], self::$bridge->requests());
        self::$bridge->script(['GET /v1/changes' => [self::problem(503, 'not_ready')]]);
        $before = State::read()['services'];
        $this->module()->cron('sync');
        self::assertSame([[], $before], [State::read()['settings'], State::read()['services']]);
    }
}
