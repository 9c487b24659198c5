<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

/**
 * Orders and activations: when the network is used, under which key, and with which request.
 */
final class AddServiceTest extends ShimTestCase
{
    /** @var resource */
    private $listener;
    private int $deafRow;

    protected function setUp(): void
    {
        parent::setUp();
        $this->listener = stream_socket_server('tcp://127.0.0.1:0');
        $address = stream_socket_get_name($this->listener, false);
        $this->deafRow = $this->row(['bridge_url' => "http://$address"]);
    }

    private function assertNobodyConnected(): void
    {
        $read = [$this->listener];
        $none = null;
        self::assertSame(0, stream_select($read, $none, $none, 0), 'somebody connected to the bridge');
    }

    /**
     * Proves that drawing the order page, validating and storing a pending order never touch the network.
     */
    public function testOrderAndPendingNeverUseTheNetwork(): void
    {
        $package = $this->package($this->deafRow, ['image_choices' => "debian-12=Debian\nubuntu-24"]);
        $module = $this->module($this->deafRow);
        $vars = (object) [];
        foreach (['getAdminAddFields', 'getClientAddFields', 'getAdminEditFields', 'getClientEditFields'] as $method) {
            self::assertArrayHasKey('ifb_hostname', $module->{$method}($package, $vars)->flat());
        }
        $order = ['use_module' => 'false', 'ifb_hostname' => 'a.example.com', 'client_id' => '42'];
        self::assertTrue($module->validateService($package, $order));
        $fields = self::map($module->addService($package, $order));
        self::assertFalse($module->errors());
        self::assertSame('a.example.com', $fields['ifb_hostname']);
        $service = $this->service($package, 'pending', $fields);
        self::assertTrue($module->validateServiceEdit($service, ['ifb_hostname' => 'b.example.com']));
        $vars = ['use_module' => 'false', 'ifb_hostname' => 'b.example.com', 'ifb_key' => self::NONCE];
        $edited = self::map($module->editService($package, $service, $vars));
        self::assertSame([$fields['ifb_key'], 'b.example.com'], [$edited['ifb_key'], $edited['ifb_hostname']]);
        $module->getAdminServiceInfo($service, $package);
        $module->getClientServiceInfo($service, $package);
        $this->assertNobodyConnected();
    }

    /**
     * Proves that the pending call mints a fresh UUID each time and ignores a posted one; no flag counts as "false".
     *
     * @testWith ["false"]
     *           [""]
     *           ["1"]
     *           ["TRUE"]
     */
    public function testPendingMintsAFreshKey(string $flag): void
    {
        $package = $this->package($this->deafRow);
        $keys = [];
        foreach ([1, 2] as $time) {
            $vars = self::vars(['use_module' => $flag]);
            $key = self::map($this->module($this->deafRow)->addService($package, $vars))['ifb_key'];
            $version4 = '/\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/';
            self::assertMatchesRegularExpression($version4, $key);
            $keys[] = $key;
        }
        self::assertCount(3, array_unique([...$keys, self::KEY]));
        $this->assertNobodyConnected();
    }

    /**
     * Proves that staff activating without the module does not throw away the key an earlier attempt may have used.
     */
    public function testActivationWithoutTheModuleKeepsTheKey(): void
    {
        $vars = self::vars(['use_module' => 'false']);
        $fields = $this->module($this->deafRow)->addService($this->package($this->deafRow), $vars, null, null, 'active');
        self::assertSame(self::KEY, self::map($fields)['ifb_key']);
        $this->assertNobodyConnected();
    }

    /**
     * Proves that without a valid key nothing is provisioned and nothing is guessed.
     *
     * @testWith [null]
     *           [""]
     *           ["web1.example.com"]
     *           ["6f1c1c52-6a0e-4c58-9d3c-0f0b7a4b9a11/../x"]
     */
    public function testNoKeyIsAnError(?string $key): void
    {
        $module = $this->module($this->deafRow);
        $fields = $module->addService($this->package($this->deafRow), self::vars(['ifb_key' => $key]), null, null, 'active');
        self::assertNull($fields);
        self::assertArrayHasKey('ifb_key', $module->errors());
        $this->assertNobodyConnected();
    }

    /**
     * Proves that a missing module row is an Input error and no fatal.
     */
    public function testMissingRow(): void
    {
        $package = $this->package(999);
        $module = $this->module();
        self::assertNull($module->addService($package, self::vars(), null, null, 'active'));
        self::assertArrayHasKey('module_row', $module->errors());
    }

    /**
     * Proves the create request of a plan package, with everything Blesta knows, and who asked.
     */
    public function testCreateRequest(): void
    {
        self::$bridge->script(['POST /v1/services/*/create' => [self::done()]]);
        $row = $this->row(['wait_seconds' => '7']);
        $package = $this->package($row, ['datacenter' => 'fra1', 'image_choices' => 'ubuntu-24']);
        $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@home';
        $vars = self::vars(['staff_id' => '3', 'service_id' => 9, 'ifb_image' => 'ubuntu-24', 'ifb_ssh_key' => "$key\n"]);
        $fields = self::map($this->module($row)->addService($package, $vars, null, null, 'active'));
        $request = self::$bridge->requests()[0];
        self::assertEquals([
            'type' => 'vps', 'hostname' => 'web1.example.com', 'image' => 'ubuntu-24', 'datacenter' => 'fra1',
            'plan' => 'small', 'ssh_keys' => [$key],
            'blesta' => ['company_id' => 1, 'client_id' => 42, 'service_id' => 9, 'package_id' => $package->id],
        ], $request['body']);
        self::assertSame('staff:3', $request['headers']['x-actor']);
        self::assertSame('wait=7', $request['headers']['prefer']);
        self::assertSame(self::KEY, $fields['ifb_key']);
        self::assertSame($key, $fields['ifb_ssh_key']);
        self::assertSame('192.0.2.7', $fields['ifb_ipv4']);
    }

    /**
     * Proves that options outrank the package, that sizes are numbers, and that a client gets only what is offered.
     */
    public function testOptionsAndSizes(): void
    {
        self::$bridge->script(['POST /v1/services/*/create' => [self::done()]]);
        $row = $this->row();
        $sizes = ['plan' => '', 'cpus' => '2', 'memory_mb' => '2048', 'disk_gb' => '40'];
        $options = ['configoptions' => ['Memory_MB' => '4096', 'backup' => 'yes'], 'ifb_image' => 'evil-image'];
        $this->module($row)->addService($this->package($row, $sizes), self::vars($options), null, null, 'active');
        $all = ['configoptions' => ['cpus' => '4', 'memory_mb' => '8192', 'disk_gb' => 80]];
        $this->module($row)->addService($this->package($row), self::vars($all), null, null, 'active');
        [$first, $second] = array_column(self::$bridge->requests(), 'body');
        self::assertSame([2, 4096, 40], [$first['cpus'], $first['memory_mb'], $first['disk_gb']]);
        self::assertArrayNotHasKey('plan', $first);
        self::assertSame('debian-12', $first['image']);
        self::assertSame([4, 8192, 80], [$second['cpus'], $second['memory_mb'], $second['disk_gb']]);
        self::assertArrayNotHasKey('plan', $second);
    }

    /**
     * Proves the completion modes: a create that needs longer is active with fields, or an error that leaves it pending.
     */
    public function testCompletionModes(): void
    {
        self::$bridge->script(['POST /v1/services/*/create' => [self::accepted()]]);
        $row = $this->row();
        $active = $this->module($row);
        $fields = self::map($active->addService($this->package($row), self::vars(), null, null, 'active'));
        self::assertFalse($active->errors());
        self::assertSame('provisioning', $fields['ifb_state']);
        $row = $this->row(['completion_mode' => 'pending']);
        $pending = $this->module($row);
        self::assertNull($pending->addService($this->package($row), self::vars(), null, null, 'active'));
        self::assertStringContainsString('not confirmed yet', (string) json_encode($pending->errors()));
    }

    /**
     * Proves what the order form refuses, without asking anybody.
     *
     * @testWith ["ifb_hostname", ""]
     *           ["ifb_hostname", "-bad-.example.com"]
     *           ["ifb_hostname", "a b"]
     *           ["ifb_hostname", "<script>"]
     *           ["ifb_ssh_key", "not a key"]
     *           ["ifb_image", "windows"]
     */
    public function testOrderValidation(string $field, string $value): void
    {
        $package = $this->package($this->deafRow, ['image_choices' => 'ubuntu-24']);
        foreach (['true', 'false'] as $flag) {
            $module = $this->module($this->deafRow);
            $vars = [$field => $value] + self::vars(['use_module' => $flag]);
            self::assertFalse($module->validateService($package, $vars));
            self::assertNull($module->addService($package, $vars, null, null, 'active'));
            self::assertSame([$field], array_keys($module->errors()));
        }
        $this->assertNobodyConnected();
    }

    /**
     * Proves that the staff form carries a fresh key and keeps it when it is drawn again; the client's has none.
     */
    public function testHiddenKeyOfTheStaffForm(): void
    {
        $package = $this->package($this->deafRow);
        $module = $this->module($this->deafRow);
        $first = $module->getAdminAddFields($package, (object) [])->flat()['ifb_key']['value'];
        $second = $module->getAdminAddFields($package, (object) [])->flat()['ifb_key']['value'];
        $again = $module->getAdminAddFields($package, (object) ['ifb_key' => $first])->flat()['ifb_key']['value'];
        self::assertNotSame($first, $second);
        self::assertSame($first, $again);
        self::assertArrayNotHasKey('ifb_key', $module->getClientAddFields($package, (object) [])->flat());
    }
}
