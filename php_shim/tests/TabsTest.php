<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use stdClass;

/**
 * Tabs: only a confirmed POST of a known action does anything, once per nonce.
 */
final class TabsTest extends ShimTestCase
{
    private stdClass $service;
    private int $row;

    protected function setUp(): void
    {
        parent::setUp();
        $this->row = $this->row();
        $this->service = $this->service($this->package($this->row, ['image_choices' => 'ubuntu-24=Ubuntu']));
        $this->willing(self::accepted());
    }

    /**
     * @param array<string, mixed> $answer
     */
    private function willing(array $answer): void
    {
        $known = self::operation('x', ['ifb_ips' => '192.0.2.9'])['service'];
        $actions = [['action' => 'start', 'allowed' => false, 'reason' => 'It runs already.']];
        self::$bridge->script([
            'POST /v1/services/*/*' => [$answer],
            'GET /v1/services/*/actions' => [['status' => 200, 'body' => ['items' => $actions]]],
            'GET /v1/services/*' => [['status' => 200, 'body' => $known]],
        ]);
    }

    /**
     * @return list<array<string, mixed>>
     */
    private function posts(): array
    {
        $posts = array_filter(self::$bridge->requests(), static fn (array $request) => $request['method'] === 'POST');

        return array_values($posts);
    }

    /**
     * Proves that both kinds of tab methods offer the tab, and that a client has it for active services only.
     */
    public function testTabsAreOffered(): void
    {
        $module = $this->module($this->row);
        self::assertSame(['tabServer'], array_keys($module->getAdminTabs($this->service->package)));
        self::assertSame(['tabServer'], array_keys($module->getAdminServiceTabs($this->service)));
        self::assertSame(['tabClientServer'], array_keys($module->getClientTabs($this->service->package)));
        self::assertSame(['tabClientServer'], array_keys($module->getClientServiceTabs($this->service)));
        $this->service->status = 'suspended';
        self::assertSame([], $module->getClientServiceTabs($this->service));
    }

    /**
     * Proves that GET shows the present state and changes nothing, whatever its arguments say.
     */
    public function testGetOnlyShows(): void
    {
        $get = ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE];
        $html = $this->module($this->row)->tabClientServer($this->service->package, $this->service, $get, [], []);
        self::assertStringContainsString('192.0.2.9', $html);
        self::assertStringContainsString('It runs already.', $html);
        self::assertMatchesRegularExpression('/name="submit_start"[^>]*disabled/', $html);
        self::assertStringNotContainsString(self::PASSWORD, $html);
        self::assertSame([], $this->posts());
        self::assertSame(4, substr_count($html, '_csrf_token'));
    }

    /**
     * Proves that a confirmed POST acts once as its client or staff member, with the nonce as Idempotency-Key.
     */
    public function testConfirmedPostActs(): void
    {
        \Session::$values = ['blesta_staff_id' => 3];
        $post = ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE];
        foreach (['tabClientServer' => 'client:42', 'tabServer' => 'staff:3'] as $tab => $actor) {
            $module = $this->module($this->row);
            $html = $module->{$tab}($this->service->package, $this->service, [], $post);
            self::assertFalse($module->errors());
            self::assertNotEmpty($module->messages['success']);
            $posts = $this->posts();
            $request = end($posts);
            self::assertSame('/v1/services/' . self::KEY . '/reboot', $request['path']);
            self::assertSame('{}', $request['raw']);
            $headers = $request['headers'];
            self::assertSame([self::NONCE, $actor], [$headers['idempotency-key'], $headers['x-actor']]);
            self::assertStringNotContainsString(self::NONCE, $html, 'the next action needs a nonce of its own');
        }
        self::assertCount(2, $this->posts());
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string}>
     */
    public static function refusedPosts(): iterable
    {
        $valid = ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE];
        yield 'no confirmation' => [array_diff_key($valid, ['confirm' => 0]), 'confirm'];
        yield 'another confirmation' => [['confirm' => 'yes'] + $valid, 'confirm'];
        yield 'no nonce' => [array_diff_key($valid, ['nonce' => 0]), 'action'];
        yield 'a nonce that is none' => [['nonce' => '1'] + $valid, 'action'];
        yield 'not for clients' => [['action' => 'terminate'] + $valid, 'action'];
        yield 'a list' => [['action' => ['reboot']] + $valid, 'action'];
        yield 'an unknown image' => [['action' => 'reinstall', 'image' => 'x'] + $valid, 'image'];
        yield 'a bad key' => [['action' => 'reinstall', 'ssh_key' => 'x'] + $valid, 'ssh_key'];
        yield 'something else' => [['x' => 'y'], 'action'];
    }

    /**
     * Proves that incomplete, unknown or forged posts do nothing and say so.
     *
     * @dataProvider refusedPosts
     * @param array<string, mixed> $post
     */
    public function testRefusedPosts(array $post, string $field): void
    {
        foreach (['tabClientServer', 'tabServer'] as $tab) {
            $module = $this->module($this->row);
            $module->{$tab}($this->service->package, $this->service, [], $post);
            self::assertSame([$field], array_keys($module->errors()));
        }
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that a service that is not active is not controlled, and that ids in the request mean nothing.
     */
    public function testOnlyTheActiveServiceOfTheTab(): void
    {
        $post = ['action' => 'stop', 'confirm' => '1', 'nonce' => self::NONCE, 'service_id' => '1'];
        $post['ifb_key'] = self::NONCE;
        $this->service->status = 'suspended';
        $module = $this->module($this->row);
        $module->tabClientServer($this->service->package, $this->service, [], $post);
        self::assertSame(['action'], array_keys($module->errors()));
        $this->service->status = 'active';
        $module->tabClientServer($this->service->package, $this->service, ['1', '2', self::NONCE], $post);
        self::assertSame(['/v1/services/' . self::KEY . '/stop'], array_column($this->posts(), 'path'));
    }

    /**
     * Proves the reinstall request: the chosen image or the package's, keys, and the explicit yes.
     */
    public function testReinstall(): void
    {
        $post = ['action' => 'reinstall', 'confirm' => '1', 'nonce' => self::NONCE];
        $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ';
        foreach ([$post + ['image' => 'ubuntu-24', 'ssh_key' => $key], $post] as $one) {
            $module = $this->module($this->row);
            $module->tabClientServer($this->service->package, $this->service, [], $one);
            self::assertFalse($module->errors());
        }
        [$chosen, $plain] = array_column($this->posts(), 'body');
        self::assertSame(['image' => 'ubuntu-24', 'confirm' => true, 'ssh_keys' => [$key]], $chosen);
        self::assertSame(['image' => 'debian-12', 'confirm' => true], $plain);
    }

    /**
     * Proves that after silence the form keeps its nonce (a repetition is the same action), after a definite no it does not.
     */
    public function testNonceAfterFailure(): void
    {
        $post = ['action' => 'reboot', 'confirm' => '1', 'nonce' => self::NONCE];
        foreach ([503 => true, 409 => false] as $status => $kept) {
            $this->willing(self::problem($status, 'x'));
            $module = $this->module($this->row);
            $html = $module->tabServer($this->service->package, $this->service, [], $post);
            self::assertNotFalse($module->errors());
            self::assertSame($kept, str_contains($html, self::NONCE));
        }
    }

    /**
     * Proves that a tab without a bridge shows the stored fields and says that they may be old, within five seconds.
     */
    public function testTabWithoutABridge(): void
    {
        self::$bridge->script(['GET /v1/services/*' => [['status' => 200, 'delay_ms' => 8000, 'body' => []]]]);
        $start = microtime(true);
        $html = $this->module($this->row)->tabClientServer($this->service->package, $this->service, [], null);
        self::assertLessThan(5.5, microtime(true) - $start);
        self::assertStringContainsString('cannot be read at the moment', $html);
        self::assertStringContainsString('web1.example.com', $html);
    }
}
