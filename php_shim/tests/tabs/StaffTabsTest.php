<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * What staff have beside the client's tabs: operations with a way out, differences, "sync now", and import.
 */
final class StaffTabsTest extends TabTestCase
{
    /**
     * Proves that staff see each operation with its history, ids for support, and what reconcile found of this service.
     */
    public function testOperationsAndDrift(): void
    {
        $finding = ['class' => 'state_drift', 'first_seen' => '2026-11-01T03:00:00Z', 'detail' => ['wanted' => 'suspended']];
        $this->bridgeWith(['GET /v1/drift' => [self::page([$finding])]]);
        $html = $this->tab($this->module($this->row), 'tabOperations');
        $drift = ['state_drift', 'wanted', '2026-11-01 03:00 UTC'];
        foreach ([self::KEY, 'ins_1', 'con_1', 'op_1', 'accepted', ...$drift] as $text) {
            self::assertStringContainsString($text, $html);
        }
        self::assertContains('service_key=' . self::KEY, array_column(self::$bridge->requests(), 'query'));
    }

    /**
     * Proves that canceling and retrying are offered where they make sense, and sent as staff with the form's nonce.
     */
    public function testCancelAndRetry(): void
    {
        $answers = ['GET /v1/operations/*' => [['status' => 200, 'body' => self::past()]]];
        foreach (['cancel' => 'awaiting', 'retry' => 'failed'] as $verb => $state) {
            $one = self::past(['state' => $state, 'finished_at' => $verb === 'cancel' ? null : 'x']);
            $list = ['GET /v1/services/*/operations' => [self::page([$one, self::past(['id' => 'op_2'])])]];
            $this->bridgeWith($list + $answers + ["POST /v1/operations/*/$verb" => [self::accepted()]]);
            $module = $this->module($this->row);
            $html = $this->tab($module, 'tabOperations', self::form($verb, ['operation_id' => 'op_1']));
            self::assertFalse($module->errors());
            self::assertSame(1, substr_count($html, "submit_$verb"));
            $posts = $this->posts();
            $request = end($posts);
            self::assertSame("/v1/operations/op_1/$verb", $request['path']);
            self::assertSame(self::NONCE, $request['headers']['idempotency-key']);
            self::assertSame('staff:3', $request['headers']['x-actor']);
        }
    }

    /**
     * Proves that an operation of another service is not touched, whatever id is posted.
     */
    public function testOnlyOperationsOfThisService(): void
    {
        $foreign = ['service_key' => self::NONCE] + self::past();
        $this->bridgeWith(['GET /v1/operations/*' => [['status' => 200, 'body' => $foreign]]]);
        foreach (['op_1', '', '../services', 'op_1/cancel'] as $id) {
            $module = $this->module($this->row);
            $this->tab($module, 'tabOperations', self::form('cancel', ['operation_id' => $id]));
            self::assertSame(['operation_id'], array_keys($module->errors()));
        }
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that "sync now" stores what the bridge knows, keeps secrets sealed, and says so when nothing could be read.
     */
    public function testSyncNow(): void
    {
        $fields = self::fieldList(['ifb_ipv4' => '192.0.2.44', 'ifb_password' => 'canary-new'], ['ifb_password']);
        $this->bridgeWith([], ['fields' => $fields]);
        $module = $this->module($this->row);
        $this->tab($module, 'tabOperations', self::form('sync'));
        self::assertFalse($module->errors());
        $stored = array_column((new \Services())->get((int) $this->service->id)->fields, null, 'key');
        self::assertSame('192.0.2.44', $stored['ifb_ipv4']->value);
        self::assertSame(['canary-new', 1], [$stored['ifb_password']->value, $stored['ifb_password']->encrypted]);
        $this->bridgeWith(['GET /v1/services/*' => [self::problem(503, 'x')]]);
        $module = $this->module($this->row);
        $this->tab($module, 'tabOperations', self::form('sync'));
        self::assertSame(['bridge'], array_keys($module->errors()));
    }

    /**
     * Proves that staff can undo a cancellation of a service that Blesta already counts as canceled.
     */
    public function testUndoOfACancellation(): void
    {
        $this->service->status = 'canceled';
        $module = $this->module($this->row);
        self::assertStringNotContainsString('undo_terminate', $this->tab($module, 'tabOperations'));
        $this->bridgeWith([], ['terminate_at' => '2026-12-24T10:30:00Z']);
        $page = $this->tab($module, 'tabOperations', self::form('undo_terminate'));
        self::assertStringContainsString('submit_undo_terminate', $page);
        self::assertStringContainsString('2026-12-24 10:30 UTC', $page);
        self::assertFalse($module->errors());
        self::assertSame(['/v1/services/' . self::KEY . '/undo_terminate'], array_column($this->posts(), 'path'));
    }

    /**
     * Proves that an import names the machine, its client and the package's limits, and only a living service gets one.
     */
    public function testImport(): void
    {
        $this->service = $this->service($this->package($this->row, ['limit_volumes' => '2']), 'pending');
        $module = $this->module($this->row);
        $this->tab($module, 'tabImport', self::form('adopt', ['instance_id' => 'ins_8h2k']));
        self::assertFalse($module->errors());
        [$request] = $this->posts();
        self::assertSame('/v1/services/' . self::KEY . '/adopt', $request['path']);
        $body = ['instance_id' => 'ins_8h2k', 'limits' => ['volumes' => 2], 'blesta' => ['client_id' => 42]];
        self::assertSame($body, $request['body']);
        $bad = [['', 'pending'], ['a b', 'pending'], ['../x', 'active'], ['ins_8h2k', 'canceled']];
        foreach ($bad as [$id, $status]) {
            $this->service->status = $status;
            $module = $this->module($this->row);
            $this->tab($module, 'tabImport', self::form('adopt', ['instance_id' => $id]));
            self::assertSame(['instance_id'], array_keys($module->errors()));
        }
        self::assertCount(1, $this->posts());
    }

    /**
     * Proves that no client method reaches what is for staff.
     */
    public function testNothingForStaffIsTheClients(): void
    {
        foreach (['sync', 'cancel', 'retry', 'undo_terminate', 'adopt', 'terminate', 'suspend'] as $action) {
            foreach (self::NAMES as $name) {
                $module = $this->module($this->row);
                $form = self::form($action, ['operation_id' => 'op_1', 'instance_id' => 'ins_1']);
                $this->tab($module, "tabClient$name", $form);
                self::assertSame(['action'], array_keys($module->errors()), "$name $action");
            }
        }
        self::assertSame([], $this->posts());
    }
}
