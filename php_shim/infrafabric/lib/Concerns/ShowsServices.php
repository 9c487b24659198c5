<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Bridge;
use Infrafabric\Deadline;
use Infrafabric\Machine;
use Infrafabric\Outcome;
use Infrafabric\Posted;
use Infrafabric\ServiceFields;
use Infrafabric\Tabs\Directory;
use Infrafabric\Tabs\Host;
use Infrafabric\Tabs\Page;
use Infrafabric\Tabs\Tab;
use Infrafabric\Tabs\Words;
use Infrafabric\Texts;

/**
 * Service information (from stored fields alone), and how a tab is drawn and its posts are taken.
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
        $state = $fields->ifb_state ?? '';
        $text = isset(Texts::STATES[$state]) ? $this->say(Texts::STATES[$state]) : $state;

        return $this->render($view, ['fields' => $fields, 'state' => $text], ['Html']);
    }

    /**
     * @param array<mixed>|null $get
     * @param array<mixed>|null $post
     */
    private function clientTab(string $name, mixed $package, mixed $service, ?array $get, ?array $post): string
    {
        return $this->guarded(function () use ($name, $package, $service, $get, $post): string {
            if (!in_array($name, Directory::ofStatus((string) ($service->status ?? '')), true)) {
                $this->fail('tab', 'unavailable', $this->say('Infrafabric.!error.not_active'));

                return '';
            }
            $path = sprintf('services/manage/%d/tabClient%s/', (int) ($service->id ?? 0), $name);
            $actor = 'client:' . (int) ($service->client_id ?? 0);

            return $this->tab($name, $package, $service, $actor, $path, $get[2] ?? null, $post);
        }, '');
    }

    /**
     * @param array<mixed>|null $get
     * @param array<mixed>|null $post
     */
    private function staffTab(string $name, mixed $package, mixed $service, ?array $get, ?array $post): string
    {
        return $this->guarded(function () use ($name, $package, $service, $get, $post): string {
            $ids = [(int) ($service->client_id ?? 0), (int) ($service->id ?? 0)];
            $path = vsprintf('clients/servicetab/%d/%d/tab', $ids) . $name . '/';

            return $this->tab($name, $package, $service, $this->staff(), $path, $get[3] ?? null, $post);
        }, '');
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
     * @param array<mixed>|null $post
     */
    private function tab(
        string $name,
        object $package,
        object $service,
        string $actor,
        string $path,
        mixed $argument,
        ?array $post
    ): string {
        $key = $this->serviceKey($service);
        $row = $key === null ? null : $this->rowFor($service->module_row_id ?? null);
        if ($key === null || $row === null) {
            return '';
        }
        [$class, , , $view] = (Directory::ALL + Directory::STAFF)[$name];
        $page = new Page(
            $service,
            Machine::of($package),
            $key,
            $this->bridgeOf($row, $actor),
            $this->host(),
            new Posted($post ?? []),
            // A post has its own limit; what it leaves has to do for the page.
            new Deadline(Bridge::VIEW_SECONDS + (empty($post) ? 0.0 : 1.0)),
            str_starts_with($actor, 'staff:'),
            is_scalar($argument) ? (string) $argument : '',
            $this->base_uri . $path
        );
        $tab = new $class($page);
        if (!$page->posted->isEmpty()) {
            $tab->post(fn (): bool => (bool) $this->Input->errors());
        }

        return $this->draw($view, $tab, $page);
    }

    private function draw(string $view, Tab $tab, Page $page): string
    {
        $operation = $page->known()->operation;
        $underWay = $operation === [] ? null : (new Words($page->host, $page->staff))->entry($operation);

        return $this->render($view, $tab->values() + [
            'fresh' => $page->known()->fresh,
            'running' => $underWay,
            'url' => $page->url,
            'posted' => $page->posted,
            'errors' => $this->Input->errors() ?: [],
            'buttons' => $tab->buttons(),
            'nonce' => $tab->nonce(),
        ]);
    }

    /**
     * The module as its tabs see it.
     */
    private function host(): Host
    {
        return new Host(
            say: fn (string $key, string ...$values): string => $this->say($key, ...$values),
            fail: function (string $field, string $rule, string $message): void {
                $this->fail($field, $rule, $message);
            },
            failFor: function (Outcome $outcome): void {
                $this->failFor($outcome, ['ssh_keys' => 'ssh_key']);
            },
            success: function (string $message): void {
                $this->setMessage('success', $message);
            },
            store: function (object $service, string $key, string $value): void {
                $this->storeField($service, $key, $value);
            },
            refresh: fn (object $service): bool => $this->refresh($service),
        );
    }

    private function storeField(object $service, string $key, string $value): void
    {
        \Loader::loadModels($this, ['Services']);
        $known = array_column((array) ($service->fields ?? []), null, 'key');
        $field = ['key' => $key, 'value' => $value, 'encrypted' => empty($known[$key]->encrypted) ? 0 : 1];
        if (isset($known[$key])) {
            $this->Services->editField($service->id, $field);
            $known[$key]->value = $value;
        } else {
            $this->Services->addField($service->id, $field);
        }
        if ($this->Services->errors()) {
            $this->Input->setErrors($this->Services->errors());
        }
    }
}
