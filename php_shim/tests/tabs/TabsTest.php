<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * What holds of every tab: GET only shows, a complete POST acts once per nonce, anything else does nothing and says so.
 */
final class TabsTest extends TabTestCase
{
    /**
     * Proves that staff have every tab, and a client all that makes sense in the service's status.
     */
    public function testTabsAreOffered(): void
    {
        $module = $this->module($this->row);
        $client = array_map(static fn (string $name) => 'tabClient' . $name, self::NAMES);
        $staff = array_map(static fn (string $name) => 'tab' . $name, [...self::NAMES, ...self::STAFF_NAMES]);
        self::assertSame($staff, array_keys($module->getAdminTabs($this->service->package)));
        self::assertSame($staff, array_keys($module->getAdminServiceTabs($this->service)));
        self::assertSame($client, array_keys($module->getClientTabs($this->service->package)));
        self::assertSame($client, array_keys($module->getClientServiceTabs($this->service)));
        foreach (['suspended', 'pending', 'in_review'] as $status) {
            $this->service->status = $status;
            $shown = array_keys($module->getClientServiceTabs($this->service));
            self::assertSame(['tabClientOverview', 'tabClientActivity'], $shown);
        }
        $this->service->status = 'canceled';
        self::assertSame([], $module->getClientServiceTabs($this->service));
    }

    /**
     * @return iterable<string, array{string, string}> method and actor
     */
    public static function methods(): iterable
    {
        foreach (self::NAMES as $name) {
            yield "client $name" => ["tabClient$name", 'client:42'];
            yield "staff $name" => ["tab$name", 'staff:3'];
        }
        foreach (self::STAFF_NAMES as $name) {
            yield "staff $name" => ["tab$name", 'staff:3'];
        }
    }

    /**
     * Proves that a tab is drawn as its visitor, without a secret, without changing anything, with a token in each form.
     *
     * @dataProvider methods
     */
    public function testGetOnlyShows(string $method, string $actor): void
    {
        $get = ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE];
        $module = $this->module($this->row);
        $html = $this->tab($module, $method, [], $get);
        self::assertFalse($module->errors());
        self::assertNotSame('', $html);
        self::assertStringNotContainsString(self::PASSWORD, $html);
        $actors = array_unique(array_map(static fn ($one) => $one['headers']['x-actor'], self::$bridge->requests()));
        self::assertSame([$actor], $actors);
        self::assertSame(['GET'], array_unique(array_column(self::$bridge->requests(), 'method')));
        self::assertSame(substr_count($html, '<form'), substr_count($html, '_csrf_token'));
        self::assertSame(substr_count($html, '<form'), substr_count($html, 'method="post"'));
    }

    /**
     * Proves that each field has a label that a screen reader finds, and that no id is there twice.
     *
     * @dataProvider methods
     */
    public function testFieldsAreLabelled(string $method): void
    {
        $html = $this->tab($this->module($this->row), $method);
        $document = new \DOMDocument();
        @$document->loadHTML('<meta charset="utf-8"><body>' . $html);
        $path = new \DOMXPath($document);
        $ids = array_map(static fn ($node) => $node->value, iterator_to_array($path->query('//@id') ?: []));
        self::assertSame($ids, array_unique($ids));
        foreach ($path->query('//input[not(@type="hidden")] | //select | //textarea') ?: [] as $field) {
            $id = $field->getAttribute('id');
            $labels = $path->query("//label[@for='$id']");
            self::assertTrue($field->hasAttribute('aria-label') || $labels->length === 1, $document->saveHTML($field));
        }
    }

    /**
     * Proves that a service in a status where a client has no such tab is not drawn and not acted on.
     */
    public function testATabThatIsNotOffered(): void
    {
        foreach (['suspended', 'canceled', 'pending', ''] as $status) {
            $this->service->status = $status;
            $module = $this->module($this->row);
            self::assertSame('', $this->tab($module, 'tabClientPower', self::form('reboot')));
            self::assertSame(['tab'], array_keys($module->errors()));
            $module = $this->module($this->row);
            $this->tab($module, 'tabPower', self::form('reboot'));
            self::assertSame(['action'], array_keys($module->errors()));
        }
        self::assertSame([], $this->posts());
    }

    /**
     * @return iterable<string, array{string, string, array<string, mixed>, array<string, mixed>}>
     */
    public static function commands(): iterable
    {
        yield 'start' => ['Power', 'start', [], []];
        yield 'stop' => ['Power', 'stop', [], []];
        yield 'reboot' => ['Power', 'reboot', [], []];
        $typed = ['typed' => 'WEB1.example.com'];
        $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ';
        yield 'reinstall' => ['Reinstall', 'reinstall', $typed, ['image' => 'debian-12', 'confirm' => true]];
        yield 'reinstall with keys' => [
            'Reinstall', 'reinstall', $typed + ['image' => 'ubuntu-24', 'ssh_key' => $key],
            ['image' => 'ubuntu-24', 'confirm' => true, 'ssh_keys' => [$key]],
        ];
        yield 'add an address' => ['Network', 'add_address', ['family' => 'ipv6'], ['family' => 'ipv6']];
        yield 'remove an address' => ['Network', 'remove_address', ['address_id' => 'ip_2'], ['address_id' => 'ip_2']];
        $name = ['address_id' => 'ip_1', 'reverse_dns' => 'a.example'];
        yield 'reverse DNS' => ['Network', 'set_reverse_dns', $name, $name];
        $volume = ['name' => 'more', 'size_gb' => '20'];
        yield 'add a volume' => ['Storage', 'add_volume', $volume, ['size_gb' => 20] + $volume];
        $bigger = ['volume_id' => 'vol_1', 'size_gb' => '20'];
        yield 'grow a volume' => ['Storage', 'resize_volume', $bigger, ['size_gb' => 20] + $bigger];
        yield 'remove a volume' => ['Storage', 'remove_volume', ['volume_id' => 'vol_1'], ['volume_id' => 'vol_1']];
        yield 'reset the password' => ['Access', 'reset_password', [], []];
    }

    /**
     * Proves that a complete post becomes one command of its visitor, with the nonce as Idempotency-Key.
     *
     * @dataProvider commands
     * @param array<string, mixed> $form
     * @param array<string, mixed> $body
     */
    public function testACompletePostActs(string $tab, string $action, array $form, array $body): void
    {
        foreach (["tabClient$tab" => 'client:42', "tab$tab" => 'staff:3'] as $method => $actor) {
            $module = $this->module($this->row);
            $html = $this->tab($module, $method, self::form($action, $form));
            self::assertFalse($module->errors());
            self::assertNotEmpty($module->messages['success']);
            $posts = $this->posts();
            $request = end($posts);
            self::assertSame('/v1/services/' . self::KEY . '/' . $action, $request['path']);
            self::assertEquals($body, $request['body']);
            $headers = $request['headers'];
            self::assertSame([self::NONCE, $actor], [$headers['idempotency-key'], $headers['x-actor']]);
            self::assertStringNotContainsString(self::NONCE, $html, 'the next action needs a nonce of its own');
        }
        self::assertCount(2, $this->posts());
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>, string}>
     */
    public static function refusedPosts(): iterable
    {
        $reboot = self::form('reboot');
        yield 'no confirmation' => ['Power', array_diff_key($reboot, ['confirm' => 0]), 'confirm'];
        yield 'another confirmation' => ['Power', ['confirm' => 'yes'] + $reboot, 'confirm'];
        yield 'no nonce' => ['Power', array_diff_key($reboot, ['nonce' => 0]), 'action'];
        yield 'a nonce that is none' => ['Power', ['nonce' => '1'] + $reboot, 'action'];
        yield 'not for clients' => ['Power', self::form('terminate'), 'action'];
        yield 'another tab\'s action' => ['Power', self::form('reset_password'), 'action'];
        yield 'a list' => ['Power', ['action' => ['reboot']] + $reboot, 'action'];
        yield 'something else' => ['Power', ['x' => 'y'], 'action'];
        $wipe = self::form('reinstall', ['typed' => 'web1.example.com']);
        yield 'an unknown image' => ['Reinstall', ['image' => 'x'] + $wipe, 'image'];
        yield 'a bad key' => ['Reinstall', ['ssh_key' => 'x'] + $wipe, 'ssh_key'];
        yield 'another name typed' => ['Reinstall', ['typed' => 'web2.example.com'] + $wipe, 'typed'];
        yield 'no name typed' => ['Reinstall', ['typed' => ''] + $wipe, 'typed'];
        yield 'reinstall unconfirmed' => ['Reinstall', ['confirm' => ''] + $wipe, 'confirm'];
        yield 'no family' => ['Network', self::form('add_address', ['family' => 'ipx']), 'family'];
        $name = ['address_id' => 'ip_1', 'reverse_dns' => 'not a name'];
        yield 'a bad name' => ['Network', self::form('set_reverse_dns', $name), 'reverse_dns'];
        yield 'no address' => ['Network', self::form('remove_address', ['address_id' => '../x']), 'address_id'];
        yield 'unconfirmed removal' => [
            'Network', ['confirm' => '0'] + self::form('remove_address', ['address_id' => 'ip_2']), 'confirm',
        ];
        yield 'a bad volume name' => ['Storage', self::form('add_volume', ['name' => '!', 'size_gb' => '1']), 'name'];
        foreach (['', '0', '16001', '1.5', 'x', '-1'] as $size) {
            $form = self::form('add_volume', ['name' => 'a', 'size_gb' => $size]);
            yield "a size of '$size'" => ['Storage', $form, 'size_gb'];
        }
        yield 'no volume' => ['Storage', self::form('remove_volume'), 'volume_id'];
        yield 'password unconfirmed' => ['Access', ['confirm' => ''] + self::form('reset_password'), 'confirm'];
        yield 'bad keys' => ['Access', self::form('save_keys', ['ssh_key' => 'nonsense']), 'ssh_key'];
    }

    /**
     * Proves that incomplete, unknown or forged posts do nothing, and that the message stands at its field.
     *
     * @dataProvider refusedPosts
     * @param array<string, mixed> $post
     */
    public function testRefusedPosts(string $tab, array $post, string $field): void
    {
        foreach (['tabClient', 'tab'] as $prefix) {
            $module = $this->module($this->row);
            $html = $this->tab($module, $prefix . $tab, $post);
            $errors = $module->errors();
            self::assertSame([$field], array_keys($errors));
            if (!in_array($field, ['action', 'address_id', 'volume_id'], true)) {
                $message = htmlspecialchars(current($errors[$field]), ENT_QUOTES);
                self::assertMatchesRegularExpression(
                    '/' . $field . '_error" class="text-danger">' . preg_quote($message, '/') . '</',
                    $html
                );
            }
        }
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that what was entered stays in the refused form, and only there.
     */
    public function testARefusedFormKeepsWhatWasEntered(): void
    {
        $post = self::form('set_reverse_dns', ['address_id' => 'ip_2', 'reverse_dns' => 'not_good']);
        $html = $this->tab($this->module($this->row), 'tabClientNetwork', $post);
        self::assertSame(1, substr_count($html, 'value="not_good"'));
        self::assertSame(1, substr_count($html, 'aria-invalid'));
    }

    /**
     * Proves that ids in the request mean nothing beside the service Blesta hands over.
     */
    public function testOnlyTheServiceOfTheTab(): void
    {
        $post = self::form('stop', ['service_id' => '1', 'ifb_key' => self::NONCE, 'service_key' => self::NONCE]);
        $this->tab($this->module($this->row), 'tabClientPower', $post, ['1', '2', self::NONCE]);
        self::assertSame(['/v1/services/' . self::KEY . '/stop'], array_column($this->posts(), 'path'));
    }

    /**
     * Proves that what the bridge does not allow is disabled and says why in the bridge's words.
     */
    public function testWhatIsNotAllowedIsDisabled(): void
    {
        $html = $this->tab($this->module($this->row), 'tabClientPower');
        self::assertMatchesRegularExpression('/name="submit_start"[^>]*disabled="disabled"/', $html);
        self::assertStringContainsString('It runs already.', $html);
        self::assertMatchesRegularExpression('/name="submit_reboot"(?![^>]*disabled)/', $html);
    }

    /**
     * Proves that after silence the form keeps its nonce (a repetition is the same action), after a definite no it does not.
     */
    public function testNonceAfterFailure(): void
    {
        foreach ([503 => true, 409 => false] as $status => $kept) {
            $this->bridgeWith(['POST /v1/services/*/*' => [self::problem($status, 'x')]]);
            $module = $this->module($this->row);
            $html = $this->tab($module, 'tabPower', self::form('reboot'));
            self::assertNotFalse($module->errors());
            self::assertSame($kept, str_contains($html, self::NONCE));
        }
    }

    /**
     * Proves that the bridge's own errors come to stand at the fields they name.
     */
    public function testTheBridgesErrorsStandAtTheirFields(): void
    {
        $no = self::problem(422, 'validation_failed', ['errors' => ['size_gb' => ['valid' => 'Too <large>.']]]);
        $this->bridgeWith(['POST /v1/services/*/*' => [$no]]);
        $module = $this->module($this->row);
        $post = self::form('resize_volume', ['volume_id' => 'vol_1', 'size_gb' => '99']);
        $html = $this->tab($module, 'tabClientStorage', $post);
        self::assertSame(['size_gb' => ['valid' => 'Too <large>.']], $module->errors());
        self::assertStringContainsString('class="text-danger">Too &lt;large&gt;.<', $html);
        self::assertStringContainsString('value="99"', $html);
    }

    /**
     * Proves that a tab without a bridge shows the stored fields and says that they may be old, within five seconds.
     *
     * @testWith ["tabClientOverview"]
     *           ["tabClientFirewall"]
     *           ["tabClientUsage"]
     *           ["tabOperations"]
     */
    public function testTabWithoutABridge(string $method): void
    {
        $late = ['status' => 200, 'delay_ms' => 8000, 'body' => []];
        $this->bridgeWith(['GET /v1/services/*' => [$late], 'GET /v1/services/*/*' => [$late], 'GET /v1/drift' => [$late]]);
        $start = microtime(true);
        $html = $this->tab($this->module($this->row), $method);
        self::assertLessThan(5.5, microtime(true) - $start);
        self::assertStringContainsString('cannot be read at the moment', $html);
    }
}
