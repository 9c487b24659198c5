<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use Infrafabric\FirewallPresets;
use Services;
use State;
use stdClass;

/**
 * What a machine gets beside itself, and the mail that says that it is ready.
 */
final class FurnishTest extends ShimTestCase
{
    private const MAIL = ['mail_from' => 'shop@example.com', 'mail_name' => 'Shop'];

    /**
     * @param array<string, string> $meta
     * @param array<string, mixed> $more
     * @param array<string, mixed> $answer
     */
    private function provision(array $meta, array $more, array $answer): ?array
    {
        $script = ['POST /v1/services/*/create' => [$answer], 'POST /v1/services/*/*' => [self::accepted()]];
        self::$bridge->script($script + self::machine(40, ['192.0.2.7', '2001:db8::7']));
        $row = $this->row(self::MAIL);
        $module = $this->module($row);
        $vars = self::vars($more + ['module_row_id' => $row]);
        $fields = $module->addService($this->package($row, $meta), $vars, null, null, 'active');
        self::assertFalse($module->errors(), (string) json_encode($module->errors()));

        return $fields;
    }

    /**
     * @return list<array{string, array<mixed>}> action and body of what was sent after the create
     */
    private function furnished(): array
    {
        $posts = array_slice($this->posts(), 1);

        return array_map(static fn (array $one) => [basename($one['path']), $one['body']], $posts);
    }

    /**
     * Proves that the package's firewall is queued behind the create, also when that still runs, under a key of its own.
     */
    public function testFirewallOfThePackage(): void
    {
        foreach ([self::accepted(), self::done()] as $answer) {
            self::$bridge->reset();
            $this->provision(['firewall_preset' => 'web'], [], $answer);
            self::assertSame([['set_firewall', ['rules' => FirewallPresets::rules('web')]]], $this->furnished());
            $keys[] = $this->posts()[1]['headers']['idempotency-key'];
        }
        self::assertSame($keys[0], $keys[1], 'the same create, the same command');
        self::$bridge->reset();
        $this->provision([], [], self::done());
        self::assertSame([], $this->furnished());
    }

    /**
     * Proves that extra addresses are added once the machine is there, each under a key that stays the same, and that
     * the package's limit leaves room for them.
     */
    public function testExtraAddresses(): void
    {
        $bought = ['configoptions' => ['Extra_IPs' => '2']];
        $ready = self::done(['ifb_instance' => 'ins_1', 'ifb_ips' => '192.0.2.7, 2001:db8::7', 'ifb_ipv4' => '192.0.2.7']);
        $sets = [];
        foreach ([1, 2] as $time) {
            self::$bridge->reset();
            $this->provision(['limit_addresses' => '2'], $bought, $ready);
            self::assertSame(4, $this->posts()[0]['body']['limits']['addresses']);
            $one = ['add_address', ['family' => 'ipv4']];
            self::assertSame([$one, $one], $this->furnished());
            $sets[] = array_column(array_column(array_slice($this->posts(), 1), 'headers'), 'idempotency-key');
        }
        self::assertSame($sets[0], $sets[1]);
        self::assertNotSame($sets[0][0], $sets[0][1]);
        self::$bridge->reset();
        $this->provision([], $bought, self::accepted());
        self::assertSame([], $this->furnished(), 'sync adds them when there is a machine');
    }

    /**
     * Proves that what cannot be had beside the machine is told to staff and does not undo the order.
     */
    public function testTroubleBesideTheMachine(): void
    {
        self::$bridge->script([
            'POST /v1/services/*/create' => [self::done()],
            'POST /v1/services/*/set_firewall' => [self::problem(409, 'action_not_allowed')],
        ]);
        $row = $this->row();
        $module = $this->module($row);
        $package = $this->package($row, ['firewall_preset' => 'ssh']);
        self::assertNotNull($module->addService($package, self::vars(['module_row_id' => $row]), null, null, 'active'));
        self::assertFalse($module->errors());
        self::assertStringContainsString('Detail of action_not_allowed', self::logText());
    }

    /**
     * @return iterable<string, array{array<string, string>, array<string, string>, string}>
     */
    public static function refusedOptions(): iterable
    {
        $meta = ['datacenters_allowed' => 'fra1 ams1', 'image_choices' => 'ubuntu-24=Ubuntu'];
        yield 'a data center' => [$meta, ['location' => 'nyc1'], 'datacenter'];
        yield 'nonsense' => [[], ['datacenter' => '../x'], 'datacenter'];
        yield 'an image' => [$meta, ['image' => 'windows'], 'image'];
        yield 'many addresses' => [[], ['extra_ips' => '14'], 'extra_ips'];
        yield 'no number' => [[], ['extra_ips' => 'two'], 'extra_ips'];
    }

    /**
     * Proves that options outside of what the package allows are refused at order time and at an edit, and nothing is sent.
     *
     * @dataProvider refusedOptions
     * @param array<string, string> $meta
     * @param array<string, string> $options
     */
    public function testOptionsOutsideOfThePackage(array $meta, array $options, string $field): void
    {
        $row = $this->row();
        $package = $this->package($row, $meta);
        foreach (['true', 'false'] as $use) {
            $module = $this->module($row);
            $vars = self::vars(['configoptions' => $options, 'use_module' => $use]);
            self::assertNull($module->addService($package, $vars, null, null, 'active'));
            self::assertSame([$field], array_keys($module->errors()));
        }
        $module = $this->module($row);
        $vars = ['configoptions' => $options, 'use_module' => 'true'];
        self::assertFalse($module->validateServiceEdit($this->service($package), $vars));
        self::assertSame([$field], array_keys($module->errors()));
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that what is allowed goes through under the bridge's names, whatever word the option has.
     */
    public function testOptionsUnderTheirNames(): void
    {
        $options = ['RAM' => '4096', 'Cores' => '2', 'Disk' => '50', 'Location' => 'ams1', 'OS' => 'ubuntu-24'];
        $meta = ['datacenters_allowed' => "fra1\nams1", 'image_choices' => 'ubuntu-24'];
        $this->provision($meta, ['configoptions' => $options], self::done());
        $sent = $this->posts()[0]['body'];
        $sizes = ['cpus' => 2, 'memory_mb' => 4096, 'disk_gb' => 50, 'datacenter' => 'ams1', 'image' => 'ubuntu-24'];
        self::assertEquals($sizes, array_intersect_key($sent, $sizes));
        self::assertArrayNotHasKey('plan', $sent);
    }

    /**
     * @param list<string> $given back, as ids of operations
     * @return string the Idempotency-Key under which an edit asks for the one address that is missing
     */
    private function keyOfPurchase(int $row, stdClass $service, array $given): string
    {
        self::$bridge->reset();
        self::$bridge->script(self::machine(40, ['192.0.2.1', '2001:db8::1'], $given));
        $module = $this->module($row);
        $vars = ['configoptions' => ['extra_ips' => '1'], 'use_module' => 'true'];
        $module->editService($service->package, $service, $vars);
        self::assertFalse($module->errors());
        [$post] = $this->posts();
        self::assertSame('add_address', basename($post['path']));

        return $post['headers']['idempotency-key'];
    }

    /**
     * Proves that bought addresses are added by an edit, and by sync for a machine that was ready later, once each, and
     * that one that was given back is another purchase.
     */
    public function testBoughtAddressesArrive(): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row), 'active', [], ['configoptions' => ['extra_ips' => '1']]);
        $bought = $this->keyOfPurchase($row, $service, []);
        self::assertSame($bought, $this->keyOfPurchase($row, $service, []));
        self::assertNotSame($bought, $this->keyOfPurchase($row, $service, ['op_gone']));
        self::$bridge->reset();
        $this->becomesReady([], 'reboot');
        self::assertSame([], $this->posts(), 'what was given back stays away');
        $this->becomesReady([]);
        self::assertSame([$bought], array_column(array_column($this->posts(), 'headers'), 'idempotency-key'));
    }

    /**
     * Proves that a service that sync activates gets its addresses at once, and that its page is read again when the
     * bridge could not answer, but not when it refused.
     *
     * @testWith [202, true]
     *           [422, true]
     *           [503, false]
     */
    public function testBoughtAddressesOfWhatSyncActivates(int $status, bool $goesOn): void
    {
        $service = $this->service($this->package($this->row()), 'pending', [], ['configoptions' => ['extra_ips' => '1']]);
        $answer = $status === 202 ? self::accepted() : self::problem($status, 'x');
        $this->becomesReady([], 'create', ['POST /v1/services/*/add_address' => [$answer]]);
        self::assertSame('active', (new Services())->get((int) $service->id)->status);
        self::assertCount(1, $this->posts());
        self::assertSame($goesOn, State::read()['settings'] !== []);
        self::assertSame($status !== 202, str_contains(self::logText(), 'Detail of x'));
    }

    /**
     * @param array<string, string> $fields
     * @param array<string, mixed> $script
     */
    private function becomesReady(array $fields, string $action = 'create', array $script = []): void
    {
        $operation = ['id' => 'op', 'action' => $action, 'state' => 'succeeded', 'error' => null];
        $change = ['cursor' => 1, 'service_key' => self::KEY, 'state' => 'active', 'operation' => $operation];
        $change['fields'] = self::fieldList($fields, ['ifb_password']);
        $answers = [
            ['status' => 200, 'body' => ['items' => [$change], 'next_cursor' => null]],
            ['status' => 200, 'body' => ['items' => []]],
        ];
        self::$bridge->script(['GET /v1/changes' => $answers] + $script + self::machine(40, ['192.0.2.1', '2001:db8::1']));
        State::change(static function (array &$state): void {
            $state['settings'] = [];
        });
        $this->module()->cron('sync');
    }

    /**
     * Proves that a service whose welcome mail left too early gets one "ready" mail, with everything in it, and no second.
     */
    public function testReadyMail(): void
    {
        $row = $this->row(self::MAIL);
        $package = $this->package($row);
        self::$bridge->script(['POST /v1/services/*/create' => [self::accepted()]]);
        $vars = self::vars(['module_row_id' => $row]);
        $fields = $this->module($row)->addService($package, $vars, null, null, 'active');
        self::assertSame('owed', self::map($fields)['ifb_ready_mail']);
        $service = $this->service($package, 'active', self::map($fields));
        $this->becomesReady(['ifb_image' => 'debian-12', 'ifb_state' => 'active']);
        self::assertSame([], State::read()['mails'], 'not before there is an address');
        $told = ['ifb_ipv4' => '192.0.2.7', 'ifb_password' => 'canary-mail', 'ifb_user' => 'root', 'ifb_state' => 'active'];
        $this->becomesReady($told);
        $this->becomesReady($told);
        [$mail] = State::read()['mails'];
        self::assertCount(1, State::read()['mails']);
        $envelope = [$mail['from'], $mail['from_name'], $mail['to']];
        self::assertSame(['shop@example.com', 'Shop', 'client42@example.com'], $envelope);
        $shown = ['192.0.2.7', 'canary-mail', 'root', 'web1.example.com'];
        foreach (['ipv4', 'password', 'user', 'hostname'] as $number => $name) {
            self::assertSame($shown[$number], $mail['tags']['service']['ifb_' . $name]);
            self::assertStringContainsString('{service.ifb_' . $name . '}', $mail['subject'] . $mail['body']['text']);
        }
        self::assertStringNotContainsString('canary-mail', self::logText());
        self::assertSame('sent', $this->stored((int) $service->id)['ifb_ready_mail']);
    }

    /**
     * Proves that no mail is sent where the machine was ready in time, where no sender is set, and twice nowhere, even
     * when Blesta does not take the mail: then staff read why.
     */
    public function testNoReadyMail(): void
    {
        $ready = ['ifb_ipv4' => '192.0.2.7', 'ifb_state' => 'active'];
        $fields = $this->provision([], [], self::done());
        self::assertArrayNotHasKey('ifb_ready_mail', self::map($fields));
        $package = $this->package($this->row());
        $this->service($package, 'active', ['ifb_ready_mail' => 'owed']);
        $this->becomesReady($ready);
        self::assertSame([], State::read()['mails']);
        State::change(static function (array &$state): void {
            $state['services'] = $state['rows'] = [];
        });
        $package = $this->package($this->row(self::MAIL));
        $this->service($package, 'active', ['ifb_ready_mail' => 'owed'], ['client_id' => 13]);
        $this->becomesReady($ready);
        $this->becomesReady($ready);
        self::assertCount(1, State::read()['mails']);
        self::assertStringContainsString('Not this one.', self::logText());
    }

    /**
     * @return array<string, string>
     */
    private function stored(int $id): array
    {
        return array_column((new Services())->get($id)->fields, 'value', 'key');
    }

    /**
     * Proves that each new field of row and package is checked, with a message at that field.
     *
     * @testWith ["datacenters_allowed", "fra1 ../x"]
     *           ["firewall_preset", "everything"]
     *           ["traffic_gb", "-1"]
     */
    public function testPackageFields(string $field, string $value): void
    {
        $meta = ['type' => 'vps', 'plan' => 'small', 'image' => 'debian-12', $field => $value];
        $module = $this->module($this->row());
        self::assertNull($module->addPackage(['meta' => $meta]));
        self::assertSame(["meta[$field]"], array_keys($module->errors()));
        $good = ['datacenters_allowed' => 'fra1 ams1', 'firewall_preset' => 'ssh', 'traffic_gb' => '500'];
        $stored = self::map($module->addPackage(['meta' => [$field => $good[$field]] + $meta]));
        self::assertSame($good[$field], $stored[$field]);
    }
}
