<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * The password is shown only when somebody asks for it by a post, and keys wait for the next reinstall.
 */
final class AccessTabTest extends TabTestCase
{
    private const SECRET = 'canary-revealed-password';

    protected function setUp(): void
    {
        parent::setUp();
        $body = ['username' => 'root', 'root_password' => self::SECRET, 'password_available' => true];
        $this->bridgeWith(['GET /v1/services/*/credentials' => [['status' => 200, 'body' => $body]]]);
    }

    /**
     * Proves that the password is read as the visitor (so that the bridge audits who asked) and leaves no trace in the log.
     */
    public function testReveal(): void
    {
        foreach (['tabClientAccess' => 'client:42', 'tabAccess' => 'staff:3'] as $method => $actor) {
            $html = $this->tab($this->module($this->row), $method, self::form('reveal'));
            self::assertSame(1, substr_count($html, self::SECRET));
            $asked = array_filter(self::$bridge->requests(), static fn ($one) => str_ends_with($one['path'], 'credentials'));
            self::assertSame($actor, end($asked)['headers']['x-actor']);
        }
        self::assertStringNotContainsString(self::SECRET, self::logText());
    }

    /**
     * Proves that a GET, whatever its arguments, and a post without nonce read no password.
     */
    public function testNothingIsRevealedOtherwise(): void
    {
        $form = self::form('reveal');
        foreach ([[null, $form], [[], $form], [array_diff_key($form, ['nonce' => 0]), []]] as [$post, $get]) {
            $html = $this->tab($this->module($this->row), 'tabClientAccess', $post, $get);
            self::assertStringNotContainsString(self::SECRET, $html);
        }
        self::assertNotContains(
            '/v1/services/' . self::KEY . '/credentials',
            array_column(self::$bridge->requests(), 'path')
        );
    }

    /**
     * Proves that a password that was missed is said to be unknown, with the way out.
     */
    public function testAPasswordThatIsNotKnown(): void
    {
        $body = ['username' => null, 'root_password' => null, 'password_available' => false];
        $this->bridgeWith(['GET /v1/services/*/credentials' => [['status' => 200, 'body' => $body]]]);
        $module = $this->module($this->row);
        $this->tab($module, 'tabClientAccess', self::form('reveal'));
        self::assertStringContainsString('Reset it', $module->errors()['password']['exists']);
    }

    /**
     * Proves that no list of services and no service information shows the password.
     */
    public function testServiceInformationHasNoPassword(): void
    {
        $module = $this->module($this->row);
        foreach (['getAdminServiceInfo', 'getClientServiceInfo'] as $method) {
            self::assertStringNotContainsString(self::PASSWORD, $module->$method($this->service, $this->service->package));
        }
    }

    /**
     * Proves that saved keys are stored with the service, offered by the next reinstall, and can be emptied again.
     */
    public function testKeysForTheNextReinstall(): void
    {
        $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@home';
        foreach ([$key, '', $key] as $keys) {
            $module = $this->module($this->row);
            $html = $this->tab($module, 'tabClientAccess', self::form('save_keys', ['ssh_key' => $keys]));
            self::assertFalse($module->errors());
            self::assertStringContainsString('>' . $keys . '</textarea>', $html);
            $this->service = (new \Services())->get((int) $this->service->id);
            $stored = array_column($this->service->fields, 'value', 'key')['ifb_ssh_key'];
            self::assertSame($keys === '' ? '-' : $keys, $stored);
            $html = $this->tab($this->module($this->row), 'tabClientReinstall');
            self::assertStringContainsString('>' . $keys . '</textarea>', $html);
        }
        self::assertSame([], $this->posts());
    }
}
