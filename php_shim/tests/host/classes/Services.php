<?php

/**
 * Services and how Blesta drives a module through their life.
 *
 * As in Blesta there is no lock per service: what a module returns is written when it returns, whatever happened meanwhile.
 * Input errors of the module keep status and fields as they are; anything else counts as success.
 */
class Services
{
    private const WAITING = ['pending', 'in_review'];
    private array|false $errors = false;
    /** Messages the last module call set, for the driver's answer. */
    public array $messages = [];

    public function errors(): array|false
    {
        return $this->errors;
    }

    public function get(int $id): stdClass|false
    {
        $stored = State::read()['services'][$id] ?? null;
        if ($stored === null) {
            return false;
        }
        $options = [];
        foreach ($stored['configoptions'] ?? [] as $name => $value) {
            $options[] = (object) ['option_name' => $name, 'option_type' => 'text', 'value' => $value];
        }
        $package = $this->package((int) $stored['package_id']);

        return (object) (['fields' => State::opened($stored['fields']), 'options' => $options, 'package' => $package]
            + $stored);
    }

    public function package(int $id): stdClass
    {
        $package = State::read()['packages'][$id] ?? throw new OutOfBoundsException("no package $id");
        $meta = new stdClass();
        foreach (State::opened($package['meta']) as $field) {
            $meta->{$field->key} = $field->value;
        }

        return (object) (['meta' => $meta] + $package);
    }

    /**
     * @return list<stdClass> without their fields' values opened: look a service up with get()
     */
    public function searchServiceFields(int $module, string $key, string $value): array
    {
        $found = [];
        foreach (State::read()['services'] as $service) {
            $field = $service['fields'][$key] ?? null;
            if ($field !== null && !$field['encrypted'] && $field['value'] === $value) {
                $found[] = (object) ['id' => $service['id'], 'status' => $service['status']];
            }
        }

        return $found;
    }

    public function add(array $vars): ?int
    {
        $status = $vars['status'] ?? 'pending';
        $package = $this->package((int) $vars['package_id']);
        $rowId = $this->rowOf($package, $vars);
        if (!$rowId) {
            $this->errors = ['module_row_id' => ['unavailable' => 'No module row is available.']];

            return null;
        }
        $use = in_array($status, self::WAITING, true) ? 'false' : ($vars['use_module'] ?? 'true');
        $module = (new ModuleManager())->initModule($rowId);
        $given = ['use_module' => $use, 'module_row_id' => $rowId, 'status' => $status] + $vars;
        $fields = $this->ask($module, 'addService', [$package, $given, null, null, $status], $package, $given);
        if ($this->errors) {
            return null;
        }

        return State::change(static function (array &$state) use ($vars, $status, $rowId, $fields): int {
            $id = State::nextId($state);
            $state['services'][$id] = [
                'id' => $id, 'client_id' => (int) ($vars['client_id'] ?? 1), 'package_id' => (int) $vars['package_id'],
                'module_row_id' => $rowId, 'status' => $status, 'fields' => State::storable($fields ?? []),
                'configoptions' => $vars['configoptions'] ?? [], 'date_renews' => $vars['date_renews'] ?? null,
                'date_canceled' => null, 'suspension_reason' => null, 'paid' => !empty($vars['paid']), 'mails' => [],
            ];

            return $id;
        });
    }

    private function rowOf(stdClass $package, array $vars): int
    {
        $id = (int) ($vars['module_row_id'] ?? $package->module_row ?? 0);
        if ($id === 0 && !empty($package->module_group)) {
            $module = (new ModuleManager())->initModule();
            $id = (int) $module->selectModuleRow((int) $package->module_group);
        }

        return $id;
    }

    public function edit(int $id, array $vars, bool $bypass_module = false, bool $notify = false): void
    {
        $service = $this->get($id);
        $fields = null;
        $this->errors = false;
        if (!$bypass_module) {
            $activate = in_array($service->status, self::WAITING, true) && ($vars['status'] ?? '') === 'active';
            $fields = $activate ? $this->provision($service, $vars) : $this->editWithModule($service, $vars);
        }
        if ($this->errors) {
            return;
        }
        $this->write($id, $fields, array_intersect_key(
            $vars,
            array_flip(['status', 'date_renews', 'date_canceled', 'configoptions', 'suspension_reason'])
        ));
        if (($vars['status'] ?? '') === 'active' && $service->status !== 'active' && (!$bypass_module || $notify)) {
            $this->mail($id);
        }
    }

    /**
     * A waiting service becomes active: the stored fields come back to addService in $vars.
     */
    private function provision(stdClass $service, array $vars): ?array
    {
        $given = $vars + ['use_module' => 'true', 'client_id' => $service->client_id];
        $given += ['module_row_id' => $service->module_row_id, 'configoptions' => $service->configoptions];
        foreach ($service->fields as $field) {
            $given += [$field->key => $field->value];
        }
        $module = (new ModuleManager())->initModule((int) $service->module_row_id);
        $arguments = [$service->package, $given, null, null, 'active'];

        return $this->ask($module, 'addService', $arguments, $service->package, $given);
    }

    private function editWithModule(stdClass $service, array $vars): ?array
    {
        $given = $vars + ['use_module' => 'true'];
        $module = (new ModuleManager())->initModule((int) $service->module_row_id);
        if (!$module->validateServiceEdit($service, $given)) {
            $this->errors = $module->errors();

            return null;
        }

        return $this->ask($module, 'editService', [$service->package, $service, $given]);
    }

    public function suspend(int $id, array $vars = []): void
    {
        $service = $this->get($id);
        $service->suspension_reason = $vars['suspension_reason'] ?? null;
        $this->run($service, 'suspendService', $vars, [
            'status' => 'suspended', 'suspension_reason' => $service->suspension_reason,
        ]);
    }

    public function unsuspend(int $id, array $vars = []): void
    {
        $this->run($this->get($id), 'unsuspendService', $vars, ['status' => 'active', 'suspension_reason' => null]);
    }

    public function cancel(int $id, array $vars = []): void
    {
        $changes = ['status' => 'canceled', 'date_canceled' => gmdate('Y-m-d H:i:s')];
        $this->run($this->get($id), 'cancelService', $vars, $changes);
    }

    public function renew(int $id): void
    {
        $this->run($this->get($id), 'renewService', [], []);
    }

    public function changePackage(int $id, int $package): void
    {
        $service = $this->get($id);
        $arguments = [$service->package, $this->package($package), $service];
        $module = (new ModuleManager())->initModule((int) $service->module_row_id);
        $fields = $this->ask($module, 'changeServicePackage', $arguments);
        if (!$this->errors) {
            $this->write($id, $fields, ['package_id' => $package]);
        }
    }

    private function run(stdClass $service, string $method, array $vars, array $changes): void
    {
        $fields = null;
        $this->errors = false;
        if (($vars['use_module'] ?? 'true') === 'true') {
            $module = (new ModuleManager())->initModule((int) $service->module_row_id);
            $fields = $this->ask($module, $method, [$service->package, $service]);
        }
        if (!$this->errors) {
            $this->write((int) $service->id, $fields, $changes);
        }
    }

    private function ask(
        Infrafabric $module,
        string $method,
        array $arguments,
        ?stdClass $package = null,
        array $vars = []
    ): ?array {
        $this->errors = false;
        if ($package !== null && !$module->validateService($package, $vars)) {
            $this->errors = $module->errors();

            return null;
        }
        $result = $module->{$method}(...$arguments);
        $this->errors = $module->errors();
        $this->messages = $module->messages;
        if ($result !== null && !is_array($result)) {
            throw new UnexpectedValueException("$method returned neither null nor an array");
        }

        return $result;
    }

    private function write(int $id, ?array $fields, array $changes): void
    {
        $stored = $fields === null ? null : State::storable($fields);
        State::change(static function (array &$state) use ($id, $stored, $changes): void {
            $state['services'][$id] = $changes + $state['services'][$id];
            $state['services'][$id]['fields'] = $stored ?? $state['services'][$id]['fields'];
        });
    }

    /**
     * The welcome mail: which of the interesting fields it could show.
     */
    private function mail(int $id): void
    {
        State::change(static function (array &$state) use ($id): void {
            $known = array_keys($state['services'][$id]['fields']);
            $state['services'][$id]['mails'][] = array_values(array_intersect($known, ['ifb_ipv4', 'ifb_password']));
        });
    }

    public function editField(int $id, array $field): void
    {
        $this->writeField($id, $field, true);
    }

    public function addField(int $id, array $field): void
    {
        $this->writeField($id, $field, false);
    }

    private function writeField(int $id, array $field, bool $exists): void
    {
        $stored = State::storable([$field]);
        $this->errors = false;
        $found = State::change(static function (array &$state) use ($id, $field, $stored, $exists): bool {
            $found = isset($state['services'][$id]['fields'][$field['key']]);
            if ($found === $exists) {
                $state['services'][$id]['fields'] = $stored + $state['services'][$id]['fields'];
            }

            return $found;
        });
        if ($found !== $exists) {
            $this->errors = ['key' => ['exists' => 'the field ' . $field['key'] . ($found ? ' exists' : ' is missing')]];
        }
    }

    public function setFields(int $id, array $fields): void
    {
        $this->errors = false;
        $this->write($id, $fields, []);
    }
}
