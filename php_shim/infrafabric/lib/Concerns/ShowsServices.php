<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Bridge;
use Infrafabric\Check;
use Infrafabric\Machine;
use Infrafabric\Outcome;
use Infrafabric\ServiceFields;
use Infrafabric\Texts;
use Infrafabric\Uuid;

/**
 * Service information (from stored fields alone) and the tabs with which client and staff act on a machine.
 */
trait ShowsServices
{
    public function getAdminServiceInfo($service, $package)
    {
        return $this->guarded(fn () => $this->serviceInfo('admin_service_info', $service), '');
    }

    public function getClientServiceInfo($service, $package)
    {
        return $this->guarded(fn () => $this->serviceInfo('client_service_info', $service), '');
    }

    private function serviceInfo(string $view, object $service): string
    {
        $fields = ServiceFields::ofService($service)->toObject();

        return $this->render($view, ['fields' => $fields, 'state' => $this->stateText($fields->ifb_state ?? '')], ['Html']);
    }

    public function getAdminTabs($package)
    {
        return ['tabServer' => $this->say('Infrafabric.tab_server')];
    }

    public function getClientTabs($package)
    {
        return ['tabClientServer' => ['name' => $this->say('Infrafabric.tab_server'), 'icon' => 'fas fa-server']];
    }

    public function getAdminServiceTabs($service)
    {
        return $this->getAdminTabs(null);
    }

    public function getClientServiceTabs($service)
    {
        return ($service->status ?? '') === 'active' ? $this->getClientTabs(null) : [];
    }

    public function tabServer($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->guarded(fn () => $this->serverTab('tab_server', $package, $service, $post ?? [], $this->staff()), '');
    }

    public function tabClientServer($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        $client = 'client:' . (int) ($service->client_id ?? 0);

        return $this->guarded(fn () => $this->serverTab('tab_client_server', $package, $service, $post ?? [], $client), '');
    }

    /**
     * The staff member of the session, for the bridge's audit; 0 when Blesta does not say.
     */
    private function staff(): string
    {
        \Loader::loadComponents($this, ['Session']);

        return 'staff:' . (int) $this->Session->read('blesta_staff_id');
    }

    /**
     * @param array<string, mixed> $post
     */
    private function serverTab(string $view, object $package, object $service, array $post, string $actor): string
    {
        $key = $this->serviceKey($service);
        $row = $key === null ? null : $this->rowFor($service->module_row_id ?? null);
        if ($key === null || $row === null) {
            return '';
        }
        $bridge = $this->bridgeOf($row, $actor);
        $machine = Machine::of($package);
        $repeat = $post === [] ? null : $this->act($bridge, $machine, $service, $key, $post, $actor);
        $known = $this->lookUp($bridge, $key);
        $fields = ServiceFields::ofService($service)->told($known['fields'])->toObject();

        return $this->render($view, [
            'fields' => $fields,
            'state' => $this->stateText($known['state'] ?: ($fields->ifb_state ?? '')),
            'power' => $this->say(Texts::POWER[$known['power']] ?? 'Infrafabric.power.unknown'),
            'fresh' => $known['fresh'],
            'actions' => $this->buttons($known['actions'], $this->actionsOf($actor)),
            'images' => $machine->imageChoices() ?: [$machine->meta('image') => $machine->meta('image')],
            // A repeated answer to an unconfirmed action must carry the key of the first.
            'nonce' => $repeat ?? Uuid::fresh(),
        ]);
    }

    /**
     * Do what the form asks for; the nonce to show again when nobody knows yet whether it happened.
     *
     * @param array<string, mixed> $post
     */
    private function act(
        Bridge $bridge,
        Machine $machine,
        object $service,
        string $key,
        array $post,
        string $actor
    ): ?string {
        $action = $this->text($post, 'action');
        $nonce = Uuid::read($post['nonce'] ?? null);
        $texts = $this->actionsOf($actor);
        if (!array_key_exists($action, $texts) || $nonce === null) {
            $this->fail('action', 'valid', $this->say('Infrafabric.!error.action'));
        } elseif ($this->text($post, 'confirm') !== '1') {
            $this->fail('confirm', 'empty', $this->say('Infrafabric.!error.confirm'));
        } elseif (($service->status ?? '') !== 'active' && !array_key_exists($action, Texts::STAFF_ACTIONS)) {
            $this->fail('action', 'valid', $this->say('Infrafabric.!error.not_active'));
        }
        $body = $this->Input->errors() || $action !== 'reinstall' ? [] : $this->reinstallOf($machine, $post);
        if ($this->Input->errors()) {
            return $nonce;
        }
        $outcome = Outcome::of($bridge->act($key, $action, $body, 0, $nonce, Bridge::VIEW_SECONDS));
        if (in_array($outcome->kind, [Outcome::DONE, Outcome::ACCEPTED], true)) {
            $this->setMessage('success', $this->say('Infrafabric.!success.action', $this->say($texts[$action])));

            return null;
        }
        $this->failFor($outcome);

        return $outcome->kind === Outcome::UNCONFIRMED ? $nonce : null;
    }

    /**
     * @param array<string, mixed> $post
     * @return array<string, mixed>
     */
    private function reinstallOf(Machine $machine, array $post): array
    {
        $image = $this->text($post, 'image');
        $choices = $machine->imageChoices();
        if ($image !== '' && $image !== $machine->meta('image') && !array_key_exists($image, $choices)) {
            $this->fail('image', 'valid', $this->say('Infrafabric.!error.image'));
        }
        $keys = $this->text($post, 'ssh_key');
        if (!Check::sshKeys($keys)) {
            $this->fail('ssh_key', 'format', $this->say('Infrafabric.!error.ssh_key'));
        }
        $body = ['image' => $image === '' ? $machine->meta('image') : $image, 'confirm' => true];

        return $keys === '' ? $body : $body + ['ssh_keys' => Machine::sshKeys($keys)];
    }

    /**
     * State and allowed actions as the bridge sees them now; without it the stored fields have to do.
     *
     * @return array{fresh: bool, state: string, power: string, fields: list<array<mixed>>,
     *     actions: array<string, array<mixed>>}
     */
    private function lookUp(Bridge $bridge, string $key): array
    {
        $end = microtime(true) + Bridge::VIEW_SECONDS;
        $path = '/v1/services/' . rawurlencode($key);
        $service = $bridge->get($path, 3.0);
        $left = $end - microtime(true);
        $actions = $service->isSuccess() && $left > 0.2 ? $bridge->get($path . '/actions', $left)->items() : [];
        $fields = $service->body['fields'] ?? [];

        return [
            'fresh' => $service->isSuccess(),
            'state' => $service->isSuccess() ? $service->text('state') : '',
            'power' => $service->isSuccess() ? $service->text('power') : 'unknown',
            'fields' => $service->isSuccess() && is_array($fields) ? array_filter($fields, 'is_array') : [],
            'actions' => array_column($actions, null, 'action'),
        ];
    }

    /**
     * @return array<string, string> language key by action
     */
    private function actionsOf(string $actor): array
    {
        return Texts::ACTIONS + (str_starts_with($actor, 'staff:') ? Texts::STAFF_ACTIONS : []);
    }

    /**
     * @param array<string, array<mixed>> $known the bridge's list; an action it does not mention may be tried
     * @param array<string, string> $texts
     * @return array<string, array{name: string, allowed: bool, reason: string}>
     */
    private function buttons(array $known, array $texts): array
    {
        $buttons = [];
        foreach ($texts as $action => $text) {
            $reason = $known[$action]['reason'] ?? '';
            $buttons[$action] = [
                'name' => $this->say($text),
                'allowed' => ($known[$action]['allowed'] ?? true) !== false,
                'reason' => is_string($reason) ? $reason : '',
            ];
        }

        return $buttons;
    }

    private function stateText(string $state): string
    {
        return isset(Texts::STATES[$state]) ? $this->say(Texts::STATES[$state]) : $state;
    }
}
