<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use DateTimeImmutable;
use DateTimeZone;
use Infrafabric\Bridge;
use Infrafabric\Fit;
use Infrafabric\Furnishing;
use Infrafabric\Machine;
use Infrafabric\Options;
use Infrafabric\Outcome;
use Infrafabric\ReadyMail;
use Infrafabric\ServiceFields;
use Infrafabric\Uuid;

/**
 * A service's life as Blesta commands it. Each method asks the bridge once and turns its answer into fields or errors.
 *
 * Blesta calls again after every error and cannot know what happened; that is safe, because the bridge's actions are
 * idempotent by what they mean.
 */
trait RunsServices
{
    public function addService(
        $package,
        ?array $vars = null,
        $parent_package = null,
        $parent_service = null,
        $status = 'pending'
    ) {
        return $this->guarded(function () use ($package, $vars, $status): ?array {
            $vars = $vars ?? [];
            if (!$this->validateService($package, $vars)) {
                return null;
            }
            if (($vars['use_module'] ?? '') !== 'true') {
                return $this->orderOnly($vars, (string) $status);
            }
            $row = $this->rowFor($vars['module_row_id'] ?? null, $package->module_row ?? null);

            return $row === null ? null : $this->provision($package, $vars, $row);
        });
    }

    /**
     * Store the order without provisioning. The service key is made here, and a posted one is never believed.
     *
     * The exception is a service that staff activates without the module: an attempt before may have left a machine
     * under its key, which a new key would orphan.
     *
     * @param array<string, mixed> $vars
     * @return list<array<string, mixed>>
     */
    private function orderOnly(array $vars, string $status): array
    {
        $known = $status === 'active' ? Uuid::read($vars['ifb_key'] ?? null) : null;

        return ServiceFields::ofOrder($vars)->with('ifb_key', $known ?? Uuid::fresh())->toArray();
    }

    /**
     * @param array<string, mixed> $vars
     * @return list<array<string, mixed>>|null
     */
    private function provision(object $package, array $vars, object $row): ?array
    {
        $key = Uuid::read($vars['ifb_key'] ?? null);
        if ($key === null) {
            $this->fail('ifb_key', 'valid', $this->say('Infrafabric.!error.no_key'));

            return null;
        }
        $machine = Machine::of($package, Options::ofVars($vars));
        $order = ServiceFields::ofOrder($vars)->with('ifb_key', $key);
        $order = $order->with('ifb_image', $machine->image($order->value('ifb_image')));
        $body = $machine->create($order, [
            'company_id' => \Configure::get('Blesta.company_id'),
            'client_id' => $vars['client_id'] ?? null,
            'service_id' => $vars['service_id'] ?? null,
            'package_id' => $package->id ?? null,
        ]);
        $answer = $this->bridgeOf($row, $this->actorOf($vars))->act($key, 'create', $body, $this->waitOf($row));
        $outcome = Outcome::of($answer);
        $activate = ($row->meta->completion_mode ?? 'activate') !== 'pending';
        if (in_array($outcome->kind, [Outcome::DONE, Outcome::ACCEPTED], true)) {
            $this->furnish($this->bridgeOf($row, $this->actorOf($vars)), $key, $machine, $outcome);
        }
        if ($outcome->kind === Outcome::DONE || ($outcome->kind === Outcome::ACCEPTED && $activate)) {
            // The welcome mail leaves now; whoever gets it without addresses is told when the machine is ready.
            $later = $outcome->kind === Outcome::ACCEPTED ? ReadyMail::OWED : '';

            return $order->told($outcome->fields())->with(ReadyMail::FIELD, $later)->toArray();
        }
        $this->failFor($outcome);

        return null;
    }

    /**
     * What the machine gets beside itself. A refusal is for staff to see; the order does not fail for it.
     */
    private function furnish(Bridge $bridge, string $key, Machine $machine, Outcome $outcome): void
    {
        $furnishing = new Furnishing($bridge, $key);
        $extra = $outcome->kind === Outcome::DONE ? $machine->extraAddresses() ?? 0 : 0;
        $answers = [
            $furnishing->firewall($machine->meta('firewall_preset'), $outcome->answer->text('id')),
            ...$furnishing->addresses($extra, false),
        ];
        foreach (array_filter($answers) as $answer) {
            if (!$answer->isSuccess()) {
                $detail = $this->plain(Outcome::of($answer)->detail());
                $this->log('infrafabric: furnish', $this->say('Infrafabric.sync.furnish', $key, $detail), 'output', false);
            }
        }
    }

    public function editService(
        $package,
        $service,
        ?array $vars = null,
        $parent_package = null,
        $parent_service = null
    ) {
        return $this->guarded(function () use ($package, $service, $vars): ?array {
            $vars = $vars ?? [];
            $stored = ServiceFields::ofService($service);
            if (!$this->validateServiceEdit($service, $vars)) {
                return null;
            }
            if (($vars['use_module'] ?? '') !== 'true') {
                return $this->editOnly($stored, $service, $vars);
            }
            $machine = Machine::of($package, Options::ofVars($vars));
            $body = $this->changesOf($machine, $stored, $vars, Options::resize($service, $vars));
            $actor = $this->actorOf($vars);
            $fields = $body === [] ? null : $this->command($service, 'edit', $body, $actor, false);
            if (!$this->Input->errors()) {
                $this->addBought($service, $machine->extraAddresses() ?? 0, $actor);
            }

            return $this->Input->errors() ? null : $fields;
        });
    }

    /**
     * Addresses that were bought with an option; Blesta calls again when the bridge does not take the command.
     */
    private function addBought(object $service, int $extra, string $actor): void
    {
        $key = $this->serviceKey($service);
        $row = $key === null ? null : $this->rowFor($service->module_row_id ?? null);
        if ($key === null || $row === null) {
            return;
        }
        foreach ((new Furnishing($this->bridgeOf($row, $actor), $key))->addresses($extra, true) as $answer) {
            if (!$answer->isSuccess()) {
                $this->failFor(Outcome::of($answer));
            }
        }
    }

    /**
     * A change in Blesta alone. What the bridge knows of a running machine is not overwritten by wishes.
     *
     * @param array<string, mixed> $vars
     * @return list<array<string, mixed>>
     */
    private function editOnly(ServiceFields $stored, object $service, array $vars): array
    {
        $waiting = in_array($service->status ?? '', ['pending', 'in_review'], true);
        foreach ($waiting ? ['ifb_hostname', 'ifb_image', 'ifb_ssh_key'] : ['ifb_hostname'] as $name) {
            $value = $this->text($vars, $name);
            $stored = $value === '' ? $stored : $stored->with($name, $value);
        }

        return $stored->toArray();
    }

    /**
     * @param array<string, mixed> $vars
     * @param bool $resized whether the edit is about the size
     * @return array<string, mixed> body of an edit; empty when nothing of the machine is touched
     */
    private function changesOf(Machine $machine, ServiceFields $stored, array $vars, bool $resized): array
    {
        $hostname = $this->text($vars, 'ifb_hostname');
        $body = $hostname === '' || $hostname === $stored->value('ifb_hostname') ? [] : ['hostname' => $hostname];
        $body += $resized ? $machine->sizing() : [];
        if (!empty($vars['configoptions']) && $machine->limits() !== []) {
            $body += ['limits' => $machine->limits()];
        }

        return $body;
    }

    public function suspendService($package, $service, $parent_package = null, $parent_service = null)
    {
        return $this->guarded(function () use ($service): ?array {
            $reason = trim((string) ($service->suspension_reason ?? ''));
            $body = $reason === '' ? [] : ['reason' => mb_substr($reason, 0, 500)];

            return $this->command($service, 'suspend', $body);
        });
    }

    public function unsuspendService($package, $service, $parent_package = null, $parent_service = null)
    {
        return $this->guarded(fn (): ?array => $this->command($service, 'unsuspend', []));
    }

    public function cancelService($package, $service, $parent_package = null, $parent_service = null)
    {
        return $this->guarded(function () use ($package, $service): ?array {
            $hours = is_object($package) ? Machine::of($package)->graceHours() : 0;
            // A machine that was never ready has nothing worth keeping, and the bridge keeps only what exists.
            $kept = in_array(ServiceFields::ofService($service)->value('ifb_state'), ['active', 'suspended'], true);
            if ($hours === 0 || !$kept) {
                return $this->command($service, 'terminate', ['confirm' => true]);
            }
            $end = (new DateTimeImmutable('now', new DateTimeZone('UTC')))->modify("+$hours hours");

            return $this->command($service, 'terminate_later', ['terminate_at' => $end->format('Y-m-d\TH:i:s\Z')]);
        });
    }

    /**
     * Tells the date up to which the service is paid, never "one term more": a repeated call says the same.
     */
    public function renewService($package, $service, $parent_package = null, $parent_service = null)
    {
        return $this->guarded(function () use ($service): ?array {
            $date = trim((string) ($service->date_renews ?? ''));
            if ($date === '') {
                return null;
            }
            $utc = new DateTimeZone('UTC');
            $expires = (new DateTimeImmutable($date, $utc))->setTimezone($utc)->format('Y-m-d\TH:i:s\Z');

            return $this->command($service, 'renew', ['expires_at' => $expires]);
        });
    }

    public function changeServicePackage(
        $package_from,
        $package_to,
        $service,
        $parent_package = null,
        $parent_service = null
    ) {
        return $this->guarded(function () use ($package_from, $package_to, $service): ?array {
            $from = Machine::of($package_from);
            $to = Machine::changed($package_from, $package_to, Options::ofService($service));
            if (!$from->mayBecome($to)) {
                $this->fail('package', 'unsupported', $this->say('Infrafabric.!error.unsupported_change'));

                return null;
            }

            $row = $this->rowFor($service->module_row_id ?? null);
            $key = $row === null ? null : $this->serviceKey($service);
            if ($row === null || $key === null) {
                return null;
            }
            $bridge = $this->bridgeOf($row, 'cron');
            $known = $bridge->get('/v1/services/' . rawurlencode($key), Fit::SECONDS);
            if ($known->status === 0) {
                $this->failFor(Outcome::of($known));
            }
            $this->failAll(Fit::faults($bridge, $known, $to->sizing(), null));
            if ($this->Input->errors()) {
                return null;
            }
            $limits = $from->limits() === $to->limits() ? [] : ['limits' => (object) $to->limits()];

            return $this->command($service, 'edit', $to->sizing() + $limits, 'cron', false);
        });
    }

    /**
     * One command to an existing service.
     *
     * @param array<string, mixed> $body
     * @param bool $acceptedIsEnough whether Blesta may take a command that the bridge is committed to for done
     * @return list<array<string, mixed>>|null the complete new fields, null to keep the stored ones
     */
    private function command(
        object $service,
        string $action,
        array $body,
        string $actor = 'cron',
        bool $acceptedIsEnough = true
    ): ?array {
        $key = $this->serviceKey($service);
        $row = $key === null ? null : $this->rowFor($service->module_row_id ?? null);
        if ($key === null || $row === null) {
            return null;
        }
        $outcome = Outcome::of($this->bridgeOf($row, $actor)->act($key, $action, $body, $this->waitOf($row)));
        if (in_array($action, ['terminate', 'terminate_later'], true) && $outcome->isUnknownService()) {
            return null;
        }
        if ($outcome->kind !== Outcome::DONE && !($outcome->kind === Outcome::ACCEPTED && $acceptedIsEnough)) {
            $this->failFor($outcome);

            return null;
        }
        $stored = ServiceFields::ofService($service);
        $now = $stored->with('ifb_hostname', $body['hostname'] ?? $stored->value('ifb_hostname'));
        $now = $now->told($outcome->fields());

        return $now->equals($stored) ? null : $now->toArray();
    }
}
