<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use ModuleManager;

/**
 * Settings pages: the row that becomes the bridge's connection, and packages from its catalog.
 */
final class RowsAndPackagesTest extends ShimTestCase
{
    private const INFRAFABRIC_KEY = 'canary-infrafabric-key';
    private const WEBHOOK_SECRET = 'whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0';

    /**
     * @return array<string, string>
     */
    private function form(): array
    {
        return [
            'name' => 'Frankfurt', 'bridge_url' => self::$bridge->url . '/', 'bridge_key' => self::BRIDGE_KEY,
            'completion_mode' => 'pending', 'wait_seconds' => '20',
            'infrafabric_api_url' => 'https://api.infrafabric.example/v1', 'infrafabric_api_key' => self::INFRAFABRIC_KEY,
            'default_datacenter' => 'fra1', 'provisioning_timeout' => '600', 'webhook_secret' => self::WEBHOOK_SECRET,
        ];
    }

    /**
     * @param array<string, mixed> $test answer of the connection's test
     */
    private function willing(array $test = ['ok' => true, 'detail' => '']): void
    {
        self::$bridge->script([
            'GET /v1/connections' => [['status' => 200, 'body' => ['items' => [['id' => 'con 1']], 'next_cursor' => null]]],
            'PUT /v1/connections/*' => [['status' => 200, 'body' => ['id' => 'con 1']]],
            'POST /v1/connections/*/test' => [['status' => 200, 'body' => $test]],
        ]);
    }

    /**
     * Proves that a new row is checked, stored as the bridge's connection and tested, and keeps no InfraFabric secret.
     */
    public function testAddRow(): void
    {
        $this->willing();
        $vars = $this->form();
        $module = $this->module();
        $meta = $module->addModuleRow($vars);
        self::assertFalse($module->errors());
        [$list, $put, $test] = self::$bridge->requests();
        self::assertSame('/v1/connections/con%201', $put['path']);
        self::assertEquals([
            'infrafabric_api_url' => 'https://api.infrafabric.example/v1', 'infrafabric_api_key' => self::INFRAFABRIC_KEY,
            'default_datacenter' => 'fra1', 'provisioning_timeout' => 600, 'webhook_secrets' => [self::WEBHOOK_SECRET],
        ], $put['body']);
        self::assertSame('/v1/connections/con%201/test', $test['path']);
        self::assertSame('staff:0', $list['headers']['x-actor']);
        $map = self::map($meta);
        self::assertSame('con 1', $map['connection_id']);
        self::assertSame(['yes', 'yes'], [$map['infrafabric_api_key_set'], $map['webhook_secret_set']]);
        self::assertSame(['bridge_key'], array_keys(array_filter(array_column($meta, 'encrypted', 'key'))));
        self::assertStringNotContainsString(self::INFRAFABRIC_KEY, (string) json_encode($meta));
        self::assertStringNotContainsString(self::WEBHOOK_SECRET, (string) json_encode($meta));
    }

    /**
     * Proves that empty secrets keep the old ones when a row is edited, and that all meta is returned.
     */
    public function testEditRowKeepsSecrets(): void
    {
        $this->willing();
        $id = $this->row();
        $vars = ['bridge_key' => '', 'infrafabric_api_key' => '', 'webhook_secret' => '', 'name' => 'New'] + $this->form();
        $module = $this->module();
        $meta = self::map($module->editModuleRow((new ModuleManager())->getRow($id), $vars));
        self::assertFalse($module->errors());
        $kept = [$meta['bridge_key'], $meta['name'], $meta['infrafabric_api_key_set']];
        self::assertSame([self::BRIDGE_KEY, 'New', 'yes'], $kept);
        $put = self::$bridge->requests()[1];
        self::assertSame('Bearer ' . self::BRIDGE_KEY, $put['headers']['authorization']);
        self::assertArrayNotHasKey('infrafabric_api_key', $put['body']);
        self::assertArrayNotHasKey('webhook_secrets', $put['body']);
    }

    /**
     * Proves that every way the bridge can object is an Input error, so that the row is not stored.
     *
     * @dataProvider objections
     * @param array<string, list<array<string, mixed>>> $script
     */
    public function testObjections(array $script, string $field, string $text): void
    {
        $this->willing();
        $vars = $this->form();
        $known = json_decode((string) file_get_contents(self::$bridge->dir . '/script.json'), true);
        self::$bridge->script($script + $known);
        $module = $this->module();
        self::assertNull($module->addModuleRow($vars));
        self::assertSame([$field], array_keys($module->errors()));
        self::assertStringContainsString($text, (string) json_encode($module->errors()));
    }

    /**
     * @return iterable<string, array{array<string, list<array<string, mixed>>>, string, string}>
     */
    public function objections(): iterable
    {
        $errors = ['errors' => ['webhook_secrets.0' => ['format' => 'Not a secret']]];
        $two = ['status' => 200, 'body' => ['items' => [['id' => 'a'], ['id' => 'b']]]];
        $test = ['status' => 200, 'body' => ['ok' => false, 'detail' => 'InfraFabric says 401.']];
        yield 'wrong key' => [['GET /v1/connections' => [self::problem(401, 'unauthorized')]], 'bridge', 'API key'];
        yield 'two connections' => [['GET /v1/connections' => [$two]], 'bridge_key', '2 connections'];
        $away = ['GET /v1/connections' => [['status' => 502, 'raw' => 'x']]];
        yield 'no bridge' => [$away, 'bridge_url', 'could not be reached'];
        $invalid = self::problem(422, 'validation_failed', $errors);
        yield 'invalid' => [['PUT /v1/connections/*' => [$invalid]], 'webhook_secret', 'Not a secret'];
        yield 'test fails' => [['POST /v1/connections/*/test' => [$test]], 'infrafabric_api_url', 'InfraFabric says 401.'];
        $broken = self::problem(500, 'internal_error');
        yield 'test breaks' => [['POST /v1/connections/*/test' => [$broken]], 'bridge_url', 'could not be reached'];
    }

    /**
     * Proves that bad settings are refused before anybody is asked.
     *
     * @testWith ["name", ""]
     *           ["bridge_url", "http://bridge.example.com"]
     *           ["bridge_url", "https://user:pw@bridge.example.com"]
     *           ["bridge_url", "javascript:alert(1)"]
     *           ["bridge_url", ""]
     *           ["bridge_key", ""]
     *           ["bridge_key", "brk with space"]
     *           ["completion_mode", "sometimes"]
     *           ["wait_seconds", "61"]
     *           ["wait_seconds", "-1"]
     *           ["infrafabric_api_url", "ftp://x.example"]
     *           ["infrafabric_api_key", ""]
     *           ["default_datacenter", "a b"]
     *           ["provisioning_timeout", "0"]
     *           ["webhook_secret", "secret"]
     */
    public function testLocalValidation(string $field, string $value): void
    {
        $vars = [$field => $value] + $this->form();
        $module = $this->module();
        self::assertNull($module->addModuleRow($vars));
        self::assertSame([$field], array_keys($module->errors()));
        self::assertSame([], self::$bridge->requests());
    }

    /**
     * Proves that no secret, stored or just posted, is printed into a form.
     */
    public function testFormsPrintNoSecrets(): void
    {
        $row = (new ModuleManager())->getRow($this->row(['webhook_secret_set' => 'yes']));
        $posted = $this->form();
        $none = [];
        $module = $this->module();
        $edits = [$module->manageEditRow($row, $none), $module->manageEditRow($row, $posted)];
        foreach ([...$edits, $module->manageAddRow($posted)] as $html) {
            foreach ([self::BRIDGE_KEY, self::INFRAFABRIC_KEY, self::WEBHOOK_SECRET] as $secret) {
                self::assertStringNotContainsString($secret, $html);
            }
        }
        $none = [];
        self::assertSame(3, substr_count($module->manageEditRow($row, $none), 'Leave empty to keep'));
        $none = [];
        self::assertMatchesRegularExpression('/name="wait_seconds" value="10"/', $module->manageAddRow($none));
    }

    /**
     * Proves row selection in groups: the first, any, or 0 where there is none.
     */
    public function testSelectModuleRow(): void
    {
        $rows = [$this->row(), $this->row()];
        $module = $this->module();
        self::assertSame(['first', 'random'], array_keys($module->getGroupOrderOptions()));
        \State::change(static function (array &$state) use ($rows): void {
            $state['groups'] = [
                70 => ['rows' => $rows, 'add_order' => 'first'],
                71 => ['rows' => $rows, 'add_order' => 'random'],
                72 => ['rows' => [], 'add_order' => 'first'],
            ];
        });
        self::assertSame($rows[0], $module->selectModuleRow(70));
        self::assertContains($module->selectModuleRow(71), $rows);
        self::assertSame([0, 0], [$module->selectModuleRow(72), $module->selectModuleRow(999)]);
    }

    /**
     * Proves that package fields offer the catalog, only for the chosen type, and keep a value the catalog lost.
     */
    public function testPackageFieldsFromTheCatalog(): void
    {
        $plans = [
            ['id' => 'small', 'name' => 'Small', 'type' => 'vps', 'cpus' => 1, 'memory_mb' => 1024, 'disk_gb' => 20],
            ['id' => 'ct', 'name' => 'Tiny', 'type' => 'container', 'cpus' => 1, 'memory_mb' => 512, 'disk_gb' => 5],
        ];
        self::$bridge->script([
            'GET /v1/catalog/plans' => [['status' => 200, 'body' => ['items' => $plans]]],
            'GET /v1/catalog/images' => [
                ['status' => 200, 'body' => ['items' => [['id' => 'debian-12', 'name' => 'Debian']]]],
            ],
            'GET /v1/catalog/datacenters' => [['status' => 200, 'body' => ['items' => [['id' => 'fra1', 'name' => 'FRA']]]]],
        ]);
        $row = $this->row();
        $vars = (object) ['module_row' => $row, 'meta' => ['type' => 'vps', 'image' => 'gone-image']];
        $fields = $this->module()->getPackageFields($vars)->flat();
        self::assertSame(['', 'small'], array_keys($fields['meta[plan]']['options']));
        self::assertSame('Small (1 CPU, 1024 MiB, 20 GiB)', $fields['meta[plan]']['options']['small']);
        self::assertSame(['debian-12', 'gone-image'], array_keys($fields['meta[image]']['options']));
        self::assertSame('gone-image', $fields['meta[image]']['value']);
        self::assertSame(['', 'fra1'], array_keys($fields['meta[datacenter]']['options']));
    }

    /**
     * Proves that without a bridge the fields are free text, after at most five seconds in all.
     */
    public function testPackageFieldsWithoutABridge(): void
    {
        self::$bridge->script(['GET /v1/catalog/*' => [['status' => 200, 'delay_ms' => 9000, 'body' => []]]]);
        $vars = (object) ['module_row' => $this->row(), 'meta' => ['plan' => 'small']];
        $start = microtime(true);
        $fields = $this->module()->getPackageFields($vars)->flat();
        self::assertLessThan(5.8, microtime(true) - $start);
        foreach (['plan', 'image', 'datacenter'] as $name) {
            self::assertSame('fieldText', $fields["meta[$name]"]['type']);
        }
        self::assertSame('small', $fields['meta[plan]']['value']);
    }

    /**
     * Proves that a package is either a plan or sizes, with well-formed ids, and that only its own meta is stored.
     *
     * @testWith [{"plan": "small"}, null]
     *           [{"cpus": "2", "memory_mb": "2048", "disk_gb": "40"}, null]
     *           [{}, "meta[cpus]"]
     *           [{"plan": "small", "cpus": "2"}, "meta[plan]"]
     *           [{"plan": "<b>"}, "meta[plan]"]
     *           [{"cpus": "65", "memory_mb": "2048", "disk_gb": "40"}, "meta[cpus]"]
     *           [{"plan": "small", "type": "dedicated"}, "meta[type]"]
     *           [{"plan": "small", "image": ""}, "meta[image]"]
     *           [{"plan": "small", "datacenter": "a b"}, "meta[datacenter]"]
     *           [{"plan": "small", "image_choices": "a=A\n<b>=B"}, "meta[image_choices]"]
     *           [{"plan": "small", "limit_addresses": "0", "limit_volumes": "256", "grace_hours": "8760"}, null]
     *           [{"plan": "small", "limit_addresses": "257"}, "meta[limit_addresses]"]
     *           [{"plan": "small", "limit_volumes": "-1"}, "meta[limit_volumes]"]
     *           [{"plan": "small", "limit_volume_gb": "0"}, "meta[limit_volume_gb]"]
     *           [{"plan": "small", "grace_hours": "a day"}, "meta[grace_hours]"]
     * @param array<string, string> $meta
     */
    public function testPackageValidation(array $meta, ?string $field): void
    {
        $vars = ['meta' => $meta + ['type' => 'vps', 'image' => 'debian-12', 'surprise' => 'x']];
        $module = $this->module();
        foreach ([$module->addPackage($vars), $module->editPackage(null, $vars)] as $stored) {
            if ($field === null) {
                self::assertFalse($module->errors());
                self::assertArrayNotHasKey('surprise', self::map($stored));
                self::assertNotContains('', self::map($stored));
            } else {
                self::assertNull($stored);
                self::assertArrayHasKey($field, $module->errors());
            }
        }
        self::assertSame([], self::$bridge->requests());
    }
}
