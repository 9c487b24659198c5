<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

/**
 * Commands to existing services: what is sent, and which fields come back.
 */
final class ChangeServiceTest extends ShimTestCase
{
    /**
     * Proves that returned fields are the complete set, secrets stay encrypted, outdated ones go, and none is empty or long.
     */
    public function testFieldsStayComplete(): void
    {
        $told = ['ifb_state' => 'suspended', 'ifb_ipv6' => '', str_repeat('ifb_', 9) => 'x', 'other' => 'x'];
        $answer = self::done($told);
        $answer['body']['service']['fields'][] = ['key' => 'ifb_password', 'value' => 'new-canary-pw', 'encrypted' => false];
        self::$bridge->script(['POST /v1/services/*/suspend' => [$answer]]);
        $row = $this->row();
        $stored = ['ifb_ssh_key' => 'ssh-ed25519 AAAA', 'ifb_error' => 'old', 'staff_note' => 'keep me'];
        $service = $this->service($this->package($row), 'active', $stored);
        $fields = $this->module($row)->suspendService($service->package, $service);
        $map = self::map($fields);
        self::assertSame(
            ['ifb_ssh_key', 'staff_note', 'ifb_key', 'ifb_hostname', 'ifb_password', 'ifb_state'],
            array_keys($map)
        );
        self::assertSame('new-canary-pw', $map['ifb_password']);
        self::assertSame(1, array_column($fields, 'encrypted', 'key')['ifb_password']);
        self::assertSame('keep me', $map['staff_note']);
    }

    /**
     * Proves that null is returned when nothing differs, and that the bridge can never replace the service key.
     */
    public function testNullWhenUnchanged(): void
    {
        $told = ['ifb_key' => self::NONCE, 'ifb_hostname' => 'web1.example.com', 'ifb_password' => self::PASSWORD];
        self::$bridge->script(['POST /v1/services/*/suspend' => [self::done($told)]]);
        $row = $this->row();
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        self::assertNull($module->suspendService($service->package, $service));
        self::assertFalse($module->errors());
    }

    /**
     * Proves the bodies of the commands Blesta gives without any data.
     */
    public function testBodies(): void
    {
        self::$bridge->script(['POST /v1/services/*/*' => [self::done()]]);
        $row = $this->row();
        $service = $this->service($this->package($row), 'active', [], ['suspension_reason' => str_repeat('ü', 600)]);
        $module = $this->module($row);
        $module->suspendService($service->package, $service);
        $module->unsuspendService($service->package, $service);
        $module->renewService($service->package, $service);
        $module->renewService($service->package, $service);
        $module->cancelService($service->package, $service);
        $sent = self::$bridge->requests();
        self::assertSame(str_repeat('ü', 500), $sent[0]['body']['reason']);
        self::assertSame('{}', $sent[1]['raw']);
        self::assertSame(['expires_at' => '2027-01-31T00:00:00Z'], $sent[2]['body']);
        self::assertSame($sent[2]['body'], $sent[3]['body']);
        self::assertSame(['confirm' => true], $sent[4]['body']);
    }

    /**
     * Proves that a service without renewal date has nothing to renew.
     */
    public function testRenewWithoutDate(): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row), 'active', [], ['date_renews' => null]);
        $module = $this->module($row);
        self::assertNull($module->renewService($service->package, $service));
        self::assertFalse($module->errors());
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that a cancel of a service that never got a machine still asks the bridge by its key.
     */
    public function testCancelOfAPendingServiceAsks(): void
    {
        self::$bridge->script(['POST /v1/services/*/terminate' => [self::problem(404, 'not_found')]]);
        $row = $this->row();
        $service = $this->service($this->package($row), 'pending', ['ifb_password' => '']);
        $module = $this->module($row);
        self::assertNull($module->cancelService($service->package, $service));
        self::assertFalse($module->errors());
        self::assertCount(1, self::$bridge->requests());
    }

    /**
     * Proves that a service without key is refused by every command instead of taken for done.
     */
    public function testNoKey(): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row), 'active', ['ifb_key' => '']);
        foreach (['suspendService', 'unsuspendService', 'cancelService', 'renewService'] as $method) {
            $module = $this->module($row);
            self::assertNull($module->{$method}($service->package, $service));
            self::assertArrayHasKey('ifb_key', $module->errors(), $method);
        }
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that an edit sends only what concerns the machine, and stores the hostname it asked for.
     */
    public function testEdit(): void
    {
        self::$bridge->script(['POST /v1/services/*/edit' => [self::done(['ifb_state' => 'active'])]]);
        $row = $this->row();
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        $same = ['use_module' => 'true', 'ifb_hostname' => 'web1.example.com'];
        self::assertNull($module->editService($service->package, $service, $same));
        self::assertSame([], self::$bridge->requests());
        $vars = ['use_module' => 'true', 'ifb_hostname' => 'db.example.com', 'configoptions' => ['plan' => 'large']];
        $fields = self::map($module->editService($service->package, $service, $vars + ['staff_id' => 5]));
        $request = $this->posts()[0];
        self::assertEquals(['hostname' => 'db.example.com', 'plan' => 'large'], $request['body']);
        self::assertSame('staff:5', $request['headers']['x-actor']);
        self::assertSame('db.example.com', $fields['ifb_hostname']);
        self::assertSame(self::PASSWORD, $fields['ifb_password']);
    }

    /**
     * Proves that an edit without the module changes Blesta alone and keeps secrets encrypted.
     */
    public function testEditWithoutTheModule(): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row));
        $vars = ['use_module' => 'false', 'ifb_hostname' => 'db.example.com', 'ifb_key' => self::NONCE, 'ifb_image' => 'x'];
        $fields = $this->module($row)->editService($service->package, $service, $vars);
        self::assertSame(self::KEY, self::map($fields)['ifb_key']);
        self::assertSame('db.example.com', self::map($fields)['ifb_hostname']);
        self::assertArrayNotHasKey('ifb_image', self::map($fields));
        self::assertSame(1, array_column($fields, 'encrypted', 'key')['ifb_password']);
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that a package change really acts: the new plan, or the new sizes with the service's options on top.
     */
    public function testChangePackage(): void
    {
        self::$bridge->script(['POST /v1/services/*/edit' => [self::done()]]);
        $row = $this->row();
        $small = $this->package($row);
        $sizes = ['plan' => '', 'cpus' => '2', 'memory_mb' => '2048', 'disk_gb' => '40'];
        $service = $this->service($small, 'active', [], ['configoptions' => ['disk_gb' => '100', 'plan' => 'small']]);
        $module = $this->module($row);
        $module->changeServicePackage($small, $this->package($row, ['plan' => 'large']), $service);
        $module->changeServicePackage($small, $this->package($row, $sizes), $service);
        [$plan, $sized] = array_column($this->posts(), 'body');
        self::assertSame(['plan' => 'large'], $plan);
        self::assertEquals(['cpus' => 2, 'memory_mb' => 2048, 'disk_gb' => 100], $sized);
        self::assertFalse($module->errors());
    }

    /**
     * Proves that a change the machine cannot follow is an error, not a silent change of the bill.
     *
     * @testWith [{"type": "container"}]
     *           [{"datacenter": "ams1"}]
     */
    public function testUnsupportedChange(array $to): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        self::assertNull($module->changeServicePackage($service->package, $this->package($row, $to), $service));
        self::assertStringContainsString('unsupported', (string) json_encode($module->errors()));
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that options are read the same from all shapes Blesta uses.
     */
    public function testOptionShapes(): void
    {
        $service = (object) ['options' => [
            (object) [
                'option_name' => 'CPUs', 'option_type' => 'quantity', 'qty' => 3, 'option_value' => null, 'value' => '',
            ],
            (object) ['option_name' => 'plan', 'option_type' => 'select', 'option_value' => 'large', 'value' => 'x'],
            (object) ['option_name' => 'note', 'option_type' => 'text', 'option_value' => null, 'value' => ' hi '],
            (object) ['option_name' => 'none', 'option_type' => 'text', 'option_value' => '', 'value' => ''],
        ]];
        $expected = ['cpus' => '3', 'plan' => 'large', 'note' => 'hi'];
        self::assertSame($expected, \Infrafabric\Options::ofService($service));
        $vars = ['configoptions' => ['CPUs' => 3, 'plan' => 'large', 'note' => 'hi', 'none' => '']];
        self::assertSame($expected, \Infrafabric\Options::ofVars($vars));
    }
}
