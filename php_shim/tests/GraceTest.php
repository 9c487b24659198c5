<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

/**
 * What a package allows beside the machine: limits, and how long a canceled machine is kept.
 */
final class GraceTest extends ShimTestCase
{
    /**
     * Proves that with a grace period a cancellation asks for a later end, and that the end is that far away.
     */
    public function testCancelWithGracePeriodAsksForALaterEnd(): void
    {
        self::$bridge->script(['POST /v1/services/*/terminate_later' => [self::done(['ifb_state' => 'suspended'])]]);
        $row = $this->row();
        $service = $this->service($this->package($row, ['grace_hours' => '72']), 'active', ['ifb_state' => 'active']);
        $module = $this->module($row);
        $fields = self::map($module->cancelService($service->package, $service));
        self::assertFalse($module->errors());
        self::assertSame('suspended', $fields['ifb_state']);
        [$request] = self::$bridge->requests();
        $end = strtotime($request['body']['terminate_at']);
        self::assertMatchesRegularExpression('/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/', $request['body']['terminate_at']);
        self::assertEqualsWithDelta(time() + 72 * 3600, $end, 60);
    }

    /**
     * Proves that nothing is kept where nothing is worth keeping, or where the package has no usable period.
     *
     * @testWith ["72", ""]
     *           ["72", "provisioning"]
     *           ["72", "failed"]
     *           ["", "active"]
     *           ["0", "active"]
     *           ["a while", "active"]
     *           ["-1", "suspended"]
     */
    public function testCancelAtOnce(string $hours, string $state): void
    {
        self::$bridge->script(['POST /v1/services/*/terminate' => [self::done()]]);
        $row = $this->row();
        $service = $this->service($this->package($row, ['grace_hours' => $hours]), 'active', ['ifb_state' => $state]);
        $module = $this->module($row);
        $module->cancelService($service->package, $service);
        self::assertFalse($module->errors());
        self::assertSame(['confirm' => true], self::$bridge->requests()[0]['body']);
    }

    /**
     * Proves that a machine the bridge does not know counts as canceled, and that every other refusal stops Blesta.
     */
    public function testRefusals(): void
    {
        $row = $this->row();
        foreach ([[404, 'not_found', false], [409, 'action_not_allowed', true], [503, 'unavailable', true]] as $case) {
            [$status, $code, $stops] = $case;
            self::$bridge->script(['POST /v1/services/*/*' => [self::problem($status, $code)]]);
            $package = $this->package($row, ['grace_hours' => '1']);
            $service = $this->service($package, 'active', ['ifb_state' => 'active']);
            $module = $this->module($row);
            self::assertNull($module->cancelService($service->package, $service));
            self::assertSame($stops, (bool) $module->errors());
        }
    }

    /**
     * Proves that the package's limits go with the order, as numbers, and that an empty one is no limit.
     */
    public function testLimitsGoWithTheOrder(): void
    {
        self::$bridge->script(['POST /v1/services/*/create' => [self::done()]]);
        $row = $this->row();
        $limited = $this->package($row, ['limit_addresses' => '3', 'limit_volumes' => '0', 'limit_volume_gb' => '']);
        foreach ([$limited, $this->package($row)] as $package) {
            $this->module($row)->addService($package, self::vars(['module_row_id' => $row]));
        }
        $sent = self::$bridge->requests();
        self::assertSame(['addresses' => 3, 'volumes' => 0], $sent[0]['body']['limits']);
        self::assertArrayNotHasKey('limits', $sent[1]['body']);
    }

    /**
     * Proves that staff can undo a cancellation on a canceled service, confirmed, and that a client cannot.
     */
    public function testStaffUndo(): void
    {
        \Session::$values = ['blesta_staff_id' => 3];
        self::$bridge->script([
            'POST /v1/services/*/*' => [self::accepted()],
            'GET /v1/services/*/actions' => [['status' => 200, 'body' => ['items' => []]]],
            'GET /v1/services/*' => [[
                'status' => 200, 'body' => ['terminate_at' => '2026-12-01T00:00:00Z'] + self::operation('x')['service'],
            ]],
        ]);
        $row = $this->row();
        $service = $this->service($this->package($row), 'canceled', ['ifb_state' => 'suspended']);
        $post = ['action' => 'undo_terminate', 'confirm' => '1', 'nonce' => self::NONCE];
        $module = $this->module($row);
        $html = $module->tabOperations($service->package, $service, [], $post);
        self::assertFalse($module->errors());
        self::assertStringContainsString('submit_undo_terminate', $html);
        $module = $this->module($row);
        $service->status = 'active';
        $html = $module->tabClientPower($service->package, $service, [], $post);
        self::assertArrayHasKey('action', $module->errors());
        self::assertStringNotContainsString('undo_terminate', $html);
        $service->status = 'canceled';
        $module = $this->module($row);
        $module->tabOperations($service->package, $service, [], array_diff_key($post, ['confirm' => 0]));
        self::assertArrayHasKey('confirm', $module->errors());
        $posts = array_filter(self::$bridge->requests(), static fn ($request) => $request['method'] === 'POST');
        self::assertSame(['/v1/services/' . self::KEY . '/undo_terminate'], array_column($posts, 'path'));
    }
}
