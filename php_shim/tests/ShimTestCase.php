<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use Infrafabric;
use ModuleManager;
use PHPUnit\Framework\TestCase;
use Services;
use State;
use stdClass;

/**
 * A fresh installation per test, one scripted bridge per test class.
 */
abstract class ShimTestCase extends TestCase
{
    protected const KEY = '6f1c1c52-6a0e-4c58-9d3c-0f0b7a4b9a11';
    protected const NONCE = '0b5ad1f6-54a4-4a4e-8c0c-0d9d6a1a7c02';
    protected const BRIDGE_KEY = 'brk_test_canary-bridge-key-000';
    protected const PASSWORD = 'canary-root-password';
    protected static ScriptedBridge $bridge;
    private string $file = '';

    public static function setUpBeforeClass(): void
    {
        self::$bridge = new ScriptedBridge();
    }

    public static function tearDownAfterClass(): void
    {
        self::$bridge->stop();
    }

    protected function setUp(): void
    {
        self::$bridge->reset();
        $this->file = sys_get_temp_dir() . '/shim-state-' . bin2hex(random_bytes(6)) . '.json';
        State::open($this->file);
        \Language::$missing = [];
    }

    protected function tearDown(): void
    {
        foreach (glob($this->file . '*') ?: [] as $file) {
            unlink($file);
        }
        self::assertSame([], \Language::$missing, 'texts that do not exist');
    }

    protected function stateFile(): string
    {
        return $this->file;
    }

    /**
     * @param array<string, string> $meta
     */
    protected function row(array $meta = []): int
    {
        $meta += [
            'name' => 'Bridge', 'bridge_url' => self::$bridge->url, 'bridge_key' => self::BRIDGE_KEY,
            'completion_mode' => 'activate', 'wait_seconds' => '1', 'connection_id' => 'con_1',
            'infrafabric_api_url' => 'https://api.infrafabric.example/v1', 'infrafabric_api_key_set' => 'yes',
        ];
        $fields = self::fieldList($meta, ['bridge_key']);

        return State::change(static function (array &$state) use ($fields): int {
            $id = State::nextId($state);
            $state['rows'][$id] = ['meta' => State::storable($fields)];

            return $id;
        });
    }

    /**
     * @param array<string, string> $meta
     */
    protected function package(int $row, array $meta = []): stdClass
    {
        $meta += ['type' => 'vps', 'plan' => 'small', 'image' => 'debian-12'];
        $fields = self::fieldList(array_filter($meta, static fn (string $value) => $value !== ''));
        $id = State::change(static function (array &$state) use ($fields, $row): int {
            $id = State::nextId($state);
            $state['packages'][$id] = [
                'id' => $id, 'name' => 'P', 'meta' => State::storable($fields), 'module_row' => $row, 'module_group' => null,
            ];

            return $id;
        });

        return (new Services())->package($id);
    }

    /**
     * @param array<string, string> $fields
     * @param array<string, mixed> $more
     */
    protected function service(stdClass $package, string $status = 'active', array $fields = [], array $more = []): stdClass
    {
        $fields += ['ifb_key' => self::KEY, 'ifb_hostname' => 'web1.example.com', 'ifb_password' => self::PASSWORD];
        $list = self::fieldList(array_filter($fields, static fn (string $value) => $value !== ''), ['ifb_password']);
        $id = State::change(static function (array &$state) use ($package, $status, $list, $more): int {
            $id = State::nextId($state);
            $state['services'][$id] = $more + [
                'id' => $id, 'client_id' => 42, 'package_id' => $package->id, 'module_row_id' => $package->module_row,
                'status' => $status, 'fields' => State::storable($list), 'configoptions' => [],
                'date_renews' => '2027-01-31 00:00:00', 'date_canceled' => null, 'suspension_reason' => null,
                'paid' => true, 'mails' => [],
            ];

            return $id;
        });

        return (new Services())->get($id);
    }

    protected function module(?int $row = null): Infrafabric
    {
        return (new ModuleManager())->initModule($row);
    }

    /**
     * @param array<string, string> $fields
     * @param list<string> $secret
     * @return list<array{key: string, value: string, encrypted: int}>
     */
    protected static function fieldList(array $fields, array $secret = []): array
    {
        $list = [];
        foreach ($fields as $key => $value) {
            $list[] = ['key' => $key, 'value' => $value, 'encrypted' => in_array($key, $secret, true) ? 1 : 0];
        }

        return $list;
    }

    /**
     * An operation as the bridge answers it.
     *
     * @param array<string, string> $fields
     * @param array<string, mixed> $error
     * @return array<string, mixed>
     */
    protected static function operation(string $state, array $fields = [], array $error = []): array
    {
        $service = ['state' => 'active', 'power' => 'on', 'fields' => self::fieldList($fields, ['ifb_password'])];

        return ['id' => 'op_1', 'action' => 'x', 'state' => $state, 'progress' => 0, 'error' => $error ?: null]
            + ['service' => $service];
    }

    /**
     * @param array<string, string> $fields
     * @return array<string, mixed>
     */
    protected static function done(array $fields = ['ifb_state' => 'active', 'ifb_ipv4' => '192.0.2.7']): array
    {
        return ['status' => 200, 'body' => self::operation('succeeded', $fields)];
    }

    /**
     * @return array<string, mixed>
     */
    protected static function accepted(): array
    {
        return ['status' => 202, 'body' => self::operation('running', ['ifb_state' => 'provisioning'])];
    }

    /**
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    protected static function problem(int $status, string $code, array $more = []): array
    {
        $body = ['type' => 'urn:x:' . $code, 'title' => 'T', 'status' => $status, 'code' => $code];
        $body['detail'] = 'Detail of ' . $code;

        return ['status' => $status, 'body' => $more + $body];
    }

    /**
     * @param list<array<string, mixed>>|null $fields
     * @return array<string, string>
     */
    protected static function map(?array $fields): array
    {
        return array_column($fields ?? [], 'value', 'key');
    }

    /**
     * A module log of everything so far, as text.
     */
    protected static function logText(): string
    {
        return (string) json_encode(State::read()['logs'], JSON_UNESCAPED_SLASHES);
    }

    /**
     * Vars of a first activation.
     *
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    protected static function vars(array $more = []): array
    {
        $order = ['use_module' => 'true', 'client_id' => '42', 'ifb_key' => self::KEY];
        return $more + $order + ['ifb_hostname' => 'web1.example.com'];
    }

    /**
     * @return list<array<string, mixed>> commands the bridge was given
     */
    protected function posts(): array
    {
        $posts = array_filter(self::$bridge->requests(), static fn (array $request) => $request['method'] === 'POST');

        return array_values($posts);
    }

    /**
     * @param list<string> $addresses
     * @param list<string> $given back, as ids of operations
     * @return array<string, mixed> a script of a bridge that knows a machine with them, and two plans
     */
    protected static function machine(int $disk, array $addresses, array $given = []): array
    {
        $known = ['instance_id' => 'ins_1', 'disk_gb' => $disk, 'addresses' => []];
        foreach ($addresses as $address) {
            $known['addresses'][] = ['address' => $address, 'family' => str_contains($address, ':') ? 'ipv6' : 'ipv4'];
        }
        $plans = [['id' => 'small', 'disk_gb' => 20], ['id' => 'large', 'disk_gb' => 80]];
        $removals = array_map(static fn (string $id): array => ['id' => $id], $given);

        return [
            'GET /v1/services/*' => [['status' => 200, 'body' => $known]],
            'GET /v1/services/*/operations' => [['status' => 200, 'body' => ['items' => $removals]]],
            'GET /v1/catalog/plans' => [['status' => 200, 'body' => ['items' => $plans]]],
            'POST /v1/services/*/*' => [self::done()],
        ];
    }
}
