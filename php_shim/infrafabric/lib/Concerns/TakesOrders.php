<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Check;
use Infrafabric\Machine;
use Infrafabric\Fit;
use Infrafabric\Options;
use Infrafabric\ServiceFields;
use Infrafabric\Uuid;

/**
 * What client and staff enter for a service. Drawn and checked without asking anybody: an order page never waits.
 */
trait TakesOrders
{
    public function getAdminAddFields($package, $vars = null)
    {
        return $this->guarded(function () use ($package, $vars) {
            $fields = $this->orderFields($package, $vars);
            // A staff member may add an active service at once; a redrawn form keeps the key of the first attempt.
            $fields->setField($fields->fieldHidden('ifb_key', Uuid::read($vars->ifb_key ?? null) ?? Uuid::fresh()));

            return $fields;
        }, new \ModuleFields());
    }

    public function getClientAddFields($package, $vars = null)
    {
        return $this->guarded(fn () => $this->orderFields($package, $vars), new \ModuleFields());
    }

    public function getAdminEditFields($package, $vars = null)
    {
        return $this->guarded(fn () => $this->editFields($vars), new \ModuleFields());
    }

    public function getClientEditFields($package, $vars = null)
    {
        return $this->guarded(fn () => $this->editFields($vars), new \ModuleFields());
    }

    private function orderFields(object $package, mixed $vars): \ModuleFields
    {
        $fields = $this->editFields($vars);
        $choices = Machine::of($package)->imageChoices();
        if ($choices !== []) {
            $label = $fields->label($this->say('Infrafabric.service.image'), 'ifb_image');
            $chosen = $this->entered($vars, 'ifb_image') ?: Machine::of($package)->meta('image');
            $label->attach($fields->fieldSelect('ifb_image', $choices, $chosen, ['id' => 'ifb_image']));
            $fields->setField($label);
        }
        $label = $fields->label($this->say('Infrafabric.service.ssh_key'), 'ifb_ssh_key');
        $label->attach(
            $fields->fieldTextarea('ifb_ssh_key', $this->entered($vars, 'ifb_ssh_key'), ['id' => 'ifb_ssh_key', 'rows' => 3])
        );
        $label->attach($fields->tooltip($this->say('Infrafabric.service.ssh_key_help')));
        $fields->setField($label);

        return $fields;
    }

    private function editFields(mixed $vars): \ModuleFields
    {
        $fields = new \ModuleFields();
        $label = $fields->label($this->say('Infrafabric.service.hostname'), 'ifb_hostname');
        $label->attach(
            $fields->fieldText('ifb_hostname', $this->entered($vars, 'ifb_hostname'), ['id' => 'ifb_hostname'])
        );
        $fields->setField($label);

        return $fields;
    }

    private function entered(mixed $vars, string $name): string
    {
        $value = is_object($vars) ? ($vars->{$name} ?? '') : '';

        return is_scalar($value) ? (string) $value : '';
    }

    public function validateService($package, ?array $vars = null)
    {
        return $this->guarded(function () use ($package, $vars): bool {
            $vars = $vars ?? [];
            if ($this->text($vars, 'ifb_hostname') === '') {
                $this->fail('ifb_hostname', 'empty', $this->say('Infrafabric.!error.hostname'));
            }
            $machine = Machine::of($package, Options::ofVars($vars));
            $this->checkEntered($vars, $machine->imageChoices());
            $this->failAll($machine->optionFaults());

            return !$this->Input->errors();
        }, false);
    }

    public function validateServiceEdit($service, ?array $vars = null)
    {
        return $this->guarded(function () use ($service, $vars): bool {
            $vars = $vars ?? [];
            $wanted = $this->packageOf($vars);
            $package = $wanted ?? $service->package ?? null;
            $machine = is_object($package) ? Machine::of($package, Options::ofVars($vars)) : null;
            $this->checkEntered($vars, $machine?->imageChoices() ?? []);
            $this->failAll($machine?->optionFaults() ?? []);
            if ($wanted !== null && is_object($service->package ?? null)) {
                $options = Options::ofVars($vars) + Options::ofService($service);
                $machine = Machine::changed($service->package, $wanted, $options);
            }
            if ($machine !== null && !$this->Input->errors() && ($vars['use_module'] ?? 'true') === 'true') {
                $this->checkFit($service, $machine, Options::resize($service, $vars) || $wanted !== null, $vars);
            }

            return !$this->Input->errors();
        }, false);
    }

    /**
     * The package that the service is to change to, where the edit names a price.
     *
     * @param array<string, mixed> $vars
     */
    private function packageOf(array $vars): ?object
    {
        $pricing = $this->text($vars, 'pricing_id');
        if (!Check::whole($pricing, 1, 999999999)) {
            return null;
        }
        \Loader::loadModels($this, ['Packages']);
        // Nobody knows every version of Blesta; without the method the change itself is refused later.
        $known = method_exists($this->Packages, 'getByPricingId');
        $package = $known ? $this->Packages->getByPricingId((int) $pricing) : null;

        return is_object($package) ? $package : null;
    }

    /**
     * A package or options that the machine cannot follow are refused here, before Blesta bills them.
     *
     * @param bool $resized whether the size is part of the change
     * @param array<string, mixed> $vars
     */
    private function checkFit(object $service, Machine $machine, bool $resized, array $vars): void
    {
        $key = Uuid::read(ServiceFields::ofService($service)->value('ifb_key'));
        $waiting = in_array($service->status ?? '', ['pending', 'in_review', 'canceled'], true);
        if ($key === null || $waiting || (!$resized && $machine->extraAddresses() === null)) {
            return;
        }
        if (is_object($service->package ?? null) && !Machine::of($service->package)->mayBecome($machine)) {
            $this->fail('package', 'unsupported', $this->say('Infrafabric.!error.unsupported_change'));

            return;
        }
        $row = $this->rowFor($service->module_row_id ?? null);
        if ($row !== null) {
            $bridge = $this->bridgeOf($row, $this->actorOf($vars));
            $known = $bridge->get('/v1/services/' . rawurlencode($key), Fit::SECONDS);
            $sizing = $resized ? $machine->sizing() : [];
            $this->failAll(Fit::faults($bridge, $known, $sizing, $machine->extraAddresses()));
        }
    }

    /**
     * @param array<string, string> $faults language key by field
     */
    private function failAll(array $faults): void
    {
        foreach ($faults as $field => $text) {
            $this->fail($field, 'valid', $this->say($text));
        }
    }

    /**
     * Formats of what was entered; absent fields are fine here.
     *
     * @param array<string, mixed> $vars
     * @param array<string, string> $images the client's choices; none: the package's image counts, whatever is posted
     */
    private function checkEntered(array $vars, array $images): void
    {
        $hostname = $this->text($vars, 'ifb_hostname');
        if ($hostname !== '' && !Check::hostname($hostname)) {
            $this->fail('ifb_hostname', 'format', $this->say('Infrafabric.!error.hostname'));
        }
        $image = $this->text($vars, 'ifb_image');
        if ($image !== '' && $images !== [] && !array_key_exists($image, $images)) {
            $this->fail('ifb_image', 'valid', $this->say('Infrafabric.!error.image'));
        }
        if (!Check::sshKeys($this->text($vars, 'ifb_ssh_key'))) {
            $this->fail('ifb_ssh_key', 'format', $this->say('Infrafabric.!error.ssh_key'));
        }
    }

    /**
     * @param array<string, mixed> $vars
     */
    private function text(array $vars, string $name): string
    {
        return is_scalar($vars[$name] ?? null) ? trim((string) $vars[$name]) : '';
    }
}
