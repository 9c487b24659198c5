<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use Infrafabric;
use ReflectionMethod;
use ReflectionNamedType;
use stdClass;

/**
 * What holds of every public method, text and view of the module (checklist items 10, 13, 17 and 18).
 */
final class SurfaceTest extends ShimTestCase
{
    private const SCRIPT = '<script>alert(1)</script>';

    /**
     * @return iterable<string, array{string}>
     */
    public static function methods(): iterable
    {
        foreach ((new \ReflectionClass(Infrafabric::class))->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
            $own = str_contains((string) $method->getFileName(), 'infrafabric');
            if ($own && !$method->isConstructor() && !str_contains((string) $method->getFileName(), '/host/')) {
                yield $method->getName() => [$method->getName()];
            }
        }
    }

    /**
     * Item 13: nothing that is thrown inside reaches Blesta, whatever it hands in.
     *
     * @dataProvider methods
     */
    public function testNothingIsThrownAtBlesta(string $method): void
    {
        foreach ([new stdClass(), $this->twisted()] as $thing) {
            $module = $this->module($this->row());
            $this->call($module, $method, $thing);
        }
        self::assertTrue(method_exists($module, $method));
    }

    /**
     * Items 4 and 13: a bridge that answers nonsense leaves every method with an answer or an Input error.
     *
     * @dataProvider methods
     */
    public function testABridgeThatTalksNonsense(string $method): void
    {
        $row = $this->row(['wait_seconds' => '0']);
        $package = $this->package($row);
        $service = $this->service($package);
        $script = [];
        $paths = ['services', 'services/*', 'services/*/*', 'connections', 'connections/*', 'changes', 'catalog/*'];
        foreach ($paths as $path) {
            foreach (['GET', 'POST', 'PUT'] as $verb) {
                $script["$verb /v1/$path"] = [['status' => 200, 'raw' => '<html>' . self::BRIDGE_KEY]];
            }
        }
        self::$bridge->script($script);
        $module = $this->module($row);
        $this->call($module, $method, $service, $package);
        self::assertStringNotContainsString(self::BRIDGE_KEY, self::logText());
        self::assertStringNotContainsString(self::BRIDGE_KEY, (string) json_encode($module->errors()));
    }

    /**
     * Item 18: every fields method answers with a ModuleFields object, also where nothing can be edited.
     */
    public function testFieldsMethodsAnswer(): void
    {
        $row = $this->row();
        $package = $this->package($row);
        $module = $this->module($row);
        foreach (['getAdminAddFields', 'getClientAddFields', 'getAdminEditFields', 'getClientEditFields'] as $method) {
            self::assertInstanceOf(\ModuleFields::class, $module->$method($package));
            $posted = (object) ['ifb_hostname' => 'a.example'];
            self::assertInstanceOf(\ModuleFields::class, $module->$method($package, $posted));
        }
    }

    /**
     * Item 10: secrets are masked by name, in nested members, in JSON text, in fields and by value.
     *
     * @dataProvider secrets
     */
    public function testSecretsAreMasked(string $text): void
    {
        $masked = (new \Infrafabric\Masker(['canary-by-value']))->text($text);
        self::assertStringNotContainsString('canary', $masked);
        self::assertStringContainsString('***', $masked);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function secrets(): iterable
    {
        $names = ['password', 'root_password', 'token', 'secret', 'bridge_key', 'Authorization', 'ticket', 'cookie'];
        foreach ($names as $name) {
            yield $name => [(string) json_encode([$name => 'canary'])];
            yield "nested $name" => [(string) json_encode(['a' => [['b' => [$name => ['canary']]]]])];
        }
        yield 'a field' => ['{"fields":[{"key":"ifb_password","value":"canary","encrypted":true}]}'];
        $inner = (string) json_encode(['password' => 'a canary']);
        yield 'JSON in JSON' => [(string) json_encode(['raw' => $inner])];
        yield 'JSON in JSON in JSON' => [(string) json_encode(['raw' => json_encode(['raw' => $inner])])];
        yield 'a JSON string' => [(string) json_encode($inner)];
        yield 'cut off JSON' => ['{"a":1,"password":"foo canary'];
        yield 'cut off list' => ['{"password": ["canary"'];
        yield 'escaped JSON in text' => ['note {\\"secret\\":\\"a canary\\"}'];
        yield 'a ticket' => ['ticket=canary; a'];
        yield 'a harmless field' => ['{"key":"ifb_note","value":"token=canary"}'];
        yield 'a header' => ['Authorization: Bearer canary-token'];
        yield 'a bridge key' => ['seen brk_abc_canary in text'];
        yield 'a webhook secret' => ['seen whsec_canary in text'];
        yield 'by value' => ['whatever canary-by-value is'];
        yield 'in a query' => ['https://x.example/?api_key=canary&b=1'];
    }

    /**
     * Every text that code or views ask for exists, and none exists that nobody asks for.
     */
    public function testLanguageIsComplete(): void
    {
        $base = dirname(__DIR__) . '/infrafabric';
        $lang = [];
        include $base . '/language/en_us/infrafabric.php';
        $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($base, \FilesystemIterator::SKIP_DOTS));
        $code = '';
        foreach ($files as $file) {
            $path = $file->getPathname();
            if (!str_contains($path, '/language/') && preg_match('/\.(php|pdt|json)$/', $path)) {
                $code .= file_get_contents($path);
            }
        }
        $code = str_replace(['Infrafabric.email_templates', 'Infrafabric.ready_mail'], '', $code); // settings, no texts
        preg_match_all('/[\'"](Infrafabric\.[!a-z0-9_.]+)([\'"])/i', $code, $found);
        $asked = array_filter(array_unique($found[1]), static fn (string $key) => !str_ends_with($key, '.')
            && !str_ends_with($key, '_'));
        self::assertSame([], array_values(array_diff($asked, array_keys($lang))), 'texts that are missing');
        preg_match_all('/[\'"](Infrafabric\.[!a-z0-9_.]*[._])[\'"]\s*\./i', $code, $prefixes);
        foreach (array_diff(array_keys($lang), $asked) as $key) {
            $built = array_filter($prefixes[1], static fn (string $prefix) => str_starts_with($key, $prefix));
            self::assertNotSame([], $built, "$key is asked for by nobody");
        }
    }

    /**
     * Whatever stands in a field, no view lets it become markup.
     */
    public function testEveryValueIsEscaped(): void
    {
        $keys = ['hostname', 'ipv4', 'ips', 'instance', 'error', 'notice', 'plan', 'image', 'user', 'state', 'datacenter'];
        $fields = array_combine(
            array_map(static fn (string $key) => 'ifb_' . $key, $keys),
            array_fill(0, count($keys), self::SCRIPT)
        );
        $row = $this->row(array_fill_keys(['name', 'bridge_url', 'connection_id', 'completion_mode'], self::SCRIPT));
        $package = $this->package($row, ['image' => self::SCRIPT, 'plan' => self::SCRIPT]);
        $service = $this->service($package, 'active', $fields);
        $module = $this->module($row);
        $none = [];
        $posted = ['name' => self::SCRIPT, 'bridge_url' => self::SCRIPT, 'default_datacenter' => self::SCRIPT];
        $record = (object) ['id' => 1, 'rows' => [$module->getModuleRow($row)]];
        $pages = [
            $module->manageModule($record, $none), $module->manageAddRow($posted),
            $module->manageEditRow($module->getModuleRow($row), $posted),
            $module->getAdminServiceInfo($service, $package), $module->getClientServiceInfo($service, $package),
        ];
        foreach ($pages as $number => $html) {
            self::assertNotSame('', $html, "page $number");
            self::assertStringNotContainsString('<script>', (string) $html, "page $number");
        }
        self::assertStringContainsString('&lt;script&gt;', implode('', $pages));
    }

    private function twisted(): stdClass
    {
        $odd = (object) ['meta' => 7, 'fields' => 'no list', 'id' => [], 'module_row_id' => 'x', 'status' => null];
        $odd->package = $odd->client_id = $odd->date_renews = [];

        return $odd;
    }

    private function call(Infrafabric $module, string $method, stdClass $service, ?stdClass $package = null): void
    {
        $reflection = new ReflectionMethod($module, $method);
        $given = [];
        foreach ($reflection->getParameters() as $parameter) {
            $type = $parameter->getType() instanceof ReflectionNamedType ? $parameter->getType()->getName() : '';
            $given[] = match (true) {
                $parameter->getName() === 'vars' => $type === 'array' ? self::vars() : null,
                $parameter->getName() === 'post' => ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE],
                $type === 'array' => [],
                $type === 'string', $parameter->getName() === 'key' => 'sync',
                str_contains($parameter->getName(), 'package') && $package !== null => $package,
                str_ends_with($parameter->getName(), '_id') => 1,
                $parameter->getName() === 'last_instance' => false,
                $parameter->getName() === 'current_version' => '0.0.1',
                default => $service,
            };
        }
        $references = [];
        foreach (array_keys($given) as $number) {
            $references[] = &$given[$number];
        }
        $reflection->invokeArgs($module, $references);
    }
}
