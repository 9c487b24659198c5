<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * Whatever the bridge, Blesta or a visitor puts into a text, no tab lets it become markup.
 */
final class EscapingTest extends TabTestCase
{
    private const SCRIPT = '"><script>alert(1)</script>';

    /**
     * @return iterable<string, array{string}>
     */
    public static function names(): iterable
    {
        foreach ([...self::NAMES, ...self::STAFF_NAMES] as $name) {
            yield $name => [$name];
        }
    }

    /**
     * Every text of every answer is a script; so are the stored fields, the package and what is posted.
     *
     * @dataProvider names
     */
    public function testEveryTextIsEscaped(string $name): void
    {
        $this->service = $this->scripted();
        $spoil = static function (mixed $value) use (&$spoil): mixed {
            return is_array($value) ? array_map($spoil, $value) : (is_string($value) ? self::SCRIPT : $value);
        };
        $odd = ['disk_gb' => self::SCRIPT, 'cpus' => self::SCRIPT];
        $known = $odd + array_merge($spoil(self::known()), ['fields' => self::fieldList($this->scriptedFields())]);
        $running = ['current_operation_id' => 'op_1'] + $known;
        $operation = ['finished_at' => null, 'state' => 'failed', 'error' => ['title' => self::SCRIPT]];
        $operation['error']['detail'] = self::SCRIPT;
        $past = $operation + ['id' => self::SCRIPT] + $spoil(self::past());
        $no = ['name', 'size_gb', 'image', 'rules', 'rules.0.ports', 'family', 'reverse_dns', 'instance_id', 'ssh_key'];
        $errors = array_fill_keys($no, ['valid' => self::SCRIPT]);
        $secret = ['username' => self::SCRIPT, 'root_password' => self::SCRIPT];
        $this->bridgeWith([
            'GET /v1/services/*/actions' => [self::page($this->forbidden())],
            'GET /v1/services/*/operations' => [self::page([$past], self::SCRIPT)],
            'GET /v1/services/*/credentials' => [['status' => 200, 'body' => $secret]],
            'GET /v1/operations/*' => [['status' => 200, 'body' => $past]],
            'GET /v1/drift' => [self::page([$spoil(['class' => 'a', 'detail' => ['b' => 'c']])])],
            'POST /v1/services/*/*' => [self::problem(422, self::SCRIPT, ['detail' => self::SCRIPT, 'errors' => $errors])],
        ], $running);
        $shown = '';
        foreach ($this->forms() as $post) {
            foreach ($name === 'Operations' || $name === 'Import' ? ['tab'] : ['tab', 'tabClient'] as $prefix) {
                $html = $this->tab($this->module($this->row), $prefix . $name, $post);
                self::assertStringNotContainsString('<script>alert', $html);
                self::assertStringNotContainsString('"">', $html);
                $shown .= $html;
            }
        }
        self::assertStringContainsString('&lt;script&gt;', $shown);
    }

    private function scripted(): \stdClass
    {
        $package = $this->package($this->row, ['image' => self::SCRIPT, 'image_choices' => self::SCRIPT]);
        $reason = ['suspension_reason' => self::SCRIPT];

        return $this->service($package, 'active', $this->scriptedFields(), $reason);
    }

    /**
     * @return array<string, string>
     */
    private function scriptedFields(): array
    {
        $names = ['hostname', 'ips', 'user', 'plan', 'image', 'datacenter', 'expires', 'error', 'instance', 'notice'];
        $keys = array_map(static fn (string $name) => 'ifb_' . $name, [...$names, 'state', 'ssh_key']);

        return array_fill_keys($keys, self::SCRIPT);
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function forbidden(): array
    {
        $judge = static fn (string $name) => ['action' => $name, 'allowed' => false, 'reason' => self::SCRIPT];

        return array_map($judge, array_keys(\Infrafabric\Texts::ACTIONS));
    }

    /**
     * @return iterable<array<string, mixed>> none, then each form of each tab with scripts in it
     */
    private function forms(): iterable
    {
        yield [];
        $names = ['image', 'ssh_key', 'typed', 'family', 'address_id', 'reverse_dns', 'name', 'size_gb', 'volume_id'];
        $texts = array_fill_keys([...$names, 'instance_id', 'operation_id', 'preset'], self::SCRIPT);
        $rule = array_fill_keys(['direction', 'action', 'protocol', 'ports', 'cidrs', 'comment'], self::SCRIPT);
        $actions = [...array_keys(\Infrafabric\Texts::ACTIONS), 'reveal', 'save_keys', 'add', 'up:0', 'cancel', 'retry'];
        foreach ($actions as $action) {
            yield self::form($action, ['rules' => [$rule]] + $texts);
        }
    }
}
