<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Check;
use Infrafabric\Outcome;
use Infrafabric\Posted;
use Infrafabric\ServiceFields;

/**
 * How to get into the machine: the password, shown only when asked for by a post, and keys for the next reinstall.
 */
final class Access extends Tab
{
    protected const ACTIONS = ['reset_password'];
    protected const CONFIRMED = ['reset_password'];

    /** @var array{user: string, password: string}|null */
    private ?array $revealed = null;

    protected function other(string $action, Posted $post, string $nonce): bool
    {
        match ($action) {
            'reveal' => $this->reveal(),
            'save_keys' => $this->saveKeys($post->text('ssh_key')),
            default => null,
        };

        return in_array($action, ['reveal', 'save_keys'], true);
    }

    /**
     * The bridge audits each reading with who asked.
     */
    private function reveal(): void
    {
        $path = '/v1/services/' . rawurlencode($this->page->key) . '/credentials';
        $answer = $this->page->bridge->get($path, $this->page->deadline->left());
        if (!$answer->isSuccess()) {
            $this->page->host->failFor(Outcome::of($answer));
        } elseif ($answer->text('root_password') === '') {
            $this->fail('password', 'exists', 'Infrafabric.!error.no_password');
        } else {
            $this->revealed = ['user' => $answer->text('username'), 'password' => $answer->text('root_password')];
        }
    }

    private function saveKeys(string $keys): void
    {
        if (!Check::sshKeys($keys)) {
            $this->fail('ssh_key', 'format', 'Infrafabric.!error.ssh_key');

            return;
        }
        $this->page->host->store($this->page->service, 'ifb_ssh_key', $keys === '' ? ServiceFields::NOTHING : $keys);
        $this->page->host->success($this->page->say('Infrafabric.!success.keys'));
    }

    public function values(): array
    {
        $stored = ServiceFields::ofService($this->page->service)->value('ifb_ssh_key');
        $saved = $this->page->posted->text('action') === 'save_keys' ? $this->page->posted->text('ssh_key') : $stored;

        return [
            'user' => $this->page->fields()->value('ifb_user'),
            'revealed' => $this->revealed,
            'ssh_key' => $saved === ServiceFields::NOTHING ? '' : $saved,
        ];
    }
}
