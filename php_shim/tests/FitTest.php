<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

/**
 * What does not fit the machine there is, refused before anybody is billed for it.
 */
final class FitTest extends ShimTestCase
{
    /**
     * @return iterable<string, array{array<string, string>, string|null}>
     */
    public static function edits(): iterable
    {
        yield 'a smaller plan' => [['plan' => 'small'], 'disk_gb'];
        yield 'a larger plan' => [['plan' => 'large'], null];
        yield 'a plan nobody knows' => [['plan' => 'odd'], null];
        yield 'a smaller disk' => [['cpus' => '1', 'memory_mb' => '1024', 'disk_gb' => '39'], 'disk_gb'];
        yield 'the same disk' => [['cpus' => '1', 'memory_mb' => '1024', 'disk_gb' => '40'], null];
        yield 'fewer addresses' => [['extra_ips' => '0'], 'extra_ips'];
        yield 'the same addresses' => [['extra_ips' => '1'], null];
        yield 'nothing about the machine' => [['12' => 'small', 'backup' => 'daily'], null];
    }

    /**
     * Proves that an edit the machine cannot follow is refused before it is billed, with a message at its field.
     *
     * @dataProvider edits
     * @param array<string, string> $options
     */
    public function testWhatDoesNotFitIsRefused(array $options, ?string $field): void
    {
        self::$bridge->script(self::machine(40, ['192.0.2.1', '192.0.2.2', '2001:db8::1']));
        $row = $this->row();
        $service = $this->service($this->package($row, ['plan' => 'medium']));
        $module = $this->module($row);
        $vars = ['configoptions' => $options, 'use_module' => 'true'];
        self::assertSame($field === null, $module->validateServiceEdit($service, $vars));
        self::assertSame($field === null ? [] : [$field], array_keys($module->errors() ?: []));
        $module->editService($service->package, $service, $vars);
        $sized = $field === null && array_intersect_key($options, ['plan' => 0, 'disk_gb' => 0]) !== [];
        self::assertSame($sized ? ['edit'] : [], array_column($this->furnishedAll(), 0));
    }

    /**
     * @return list<array{string, array<mixed>}>
     */
    private function furnishedAll(): array
    {
        return array_map(static fn (array $one) => [basename($one['path']), $one['body']], $this->posts());
    }

    /**
     * Proves that a downgrade to a package with a smaller disk is refused and nothing is sent, and that an upgrade acts
     * and takes the new package's limits along.
     */
    public function testPackagesThatDoNotFit(): void
    {
        self::$bridge->script(self::machine(40, []));
        $row = $this->row();
        $from = $this->package($row, ['plan' => 'medium', 'limit_volumes' => '1']);
        $service = $this->service($from);
        $module = $this->module($row);
        self::assertNull($module->changeServicePackage($from, $this->package($row, ['plan' => 'small']), $service));
        self::assertSame(['disk_gb'], array_keys($module->errors()));
        self::assertSame([], $this->posts());
        $module = $this->module($row);
        $to = $this->package($row, ['plan' => 'large', 'limit_volumes' => '4']);
        $module->changeServicePackage($from, $to, $service);
        self::assertFalse($module->errors());
        self::assertSame([['edit', ['plan' => 'large', 'limits' => ['volumes' => 4]]]], $this->furnishedAll());
    }

    /**
     * Proves that a change of package is judged when it is asked for, where Blesta names its price: a smaller disk, another
     * type or data center are refused, a larger plan and an unknown price are not.
     */
    public function testPackagesAreJudgedBeforeTheyAreBilled(): void
    {
        $row = $this->row();
        $service = $this->service($this->package($row, ['plan' => 'medium']));
        $wishes = [
            [['plan' => 'small'], ['disk_gb']], [['plan' => 'large'], []], [['type' => 'container'], ['package']],
            [['plan' => 'large', 'datacenter' => 'ams1'], ['package']],
        ];
        foreach ($wishes as [$meta, $fields]) {
            self::$bridge->script(self::machine(40, []));
            $module = $this->module($row);
            $vars = ['pricing_id' => (string) $this->package($row, $meta)->id, 'use_module' => 'true'];
            self::assertSame($fields === [], $module->validateServiceEdit($service, $vars));
            self::assertSame($fields, array_keys($module->errors() ?: []));
        }
        foreach (['999', 'x', '', '-1'] as $price) {
            self::assertTrue($this->module($row)->validateServiceEdit($service, ['pricing_id' => $price]));
        }
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that while nobody can be asked an option edit is not refused for that, and a package change is "not confirmed"
     * without a second wait.
     */
    public function testWhileTheBridgeIsAway(): void
    {
        self::$bridge->script(['GET /v1/services/*' => [['status' => 200, 'delay_ms' => 6000, 'body' => []]]]);
        $row = $this->row();
        $service = $this->service($this->package($row));
        $module = $this->module($row);
        $start = microtime(true);
        self::assertTrue($module->validateServiceEdit($service, ['configoptions' => ['plan' => 'small']]));
        self::assertNull($module->changeServicePackage($service->package, $this->package($row, ['plan' => 'x']), $service));
        self::assertSame(['bridge'], array_keys($module->errors()));
        self::assertLessThan(6.0, microtime(true) - $start);
        self::assertSame([], $this->posts());
    }
}
