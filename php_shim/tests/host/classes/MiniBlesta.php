<?php

/**
 * The commands of the driver: what staff, clients and cron do in a Blesta installation.
 */
final class MiniBlesta
{
    private Services $services;

    public function __construct()
    {
        $this->services = new Services();
    }

    /**
     * @param array<string, mixed> $in
     * @return array<string, mixed> the driver's answer
     */
    public function run(string $command, array $in): array
    {
        if (isset($in['staff_id'])) {
            Session::$values['blesta_staff_id'] = $in['staff_id'];
        }
        $logged = count(State::read()['logs']);
        $answer = match ($command) {
            'install' => $this->install(),
            'add-row', 'edit-row' => $this->saveRow($in),
            'add-group' => $this->addGroup($in),
            'add-package', 'edit-package' => $this->savePackage($in),
            'order', 'add' => $this->order($in, $command === 'add'),
            'pay' => $this->change($in, ['paid' => true]),
            'activate' => $this->activate($in),
            'cron-provision' => $this->cronProvision(),
            'suspend' => $this->on($in, fn (int $id) => $this->services->suspend($id, self::vars($in))),
            'unsuspend' => $this->on($in, fn (int $id) => $this->services->unsuspend($id, self::vars($in))),
            'cancel' => $this->on($in, fn (int $id) => $this->services->cancel($id, self::vars($in))),
            'renew' => $this->renew($in),
            'edit' => $this->on($in, fn (int $id) => $this->services->edit($id, self::vars($in))),
            'change-package' => $this->on($in, fn (int $id) => $this->services->changePackage($id, (int) $in['package'])),
            'tab' => $this->tab($in),
            'sync' => $this->sync(),
            'fields' => $this->fields($in),
            'info' => $this->info($in),
            'show' => $this->on($in, static fn () => null),
            'list' => ['ok' => true, 'errors' => null],
            'page' => $this->page($in),
            default => throw new InvalidArgumentException("unknown command $command"),
        };
        $answer += ['service' => null];
        if (in_array($command, ['list', 'cron-provision', 'sync'], true)) {
            $ids = array_keys(State::read()['services']);
            $answer['services'] = array_map(fn (int|string $id) => $this->view((int) $id), $ids);
        }

        return $answer + ['log' => array_slice(State::read()['logs'], $logged)];
    }

    /**
     * What Blesta would get in $vars beside the driver's own members.
     */
    private static function vars(array $in): array
    {
        return array_diff_key($in, array_flip(['service', 'package', 'fields'])) + ($in['fields'] ?? []);
    }

    private function on(array $in, callable $work): array
    {
        $id = (int) ($in['service'] ?? throw new InvalidArgumentException('"service" is missing'));
        if (!$this->services->get($id)) {
            throw new OutOfBoundsException("no service $id");
        }
        $work($id);
        $errors = $this->services->errors();

        return ['ok' => !$errors, 'errors' => $errors ?: null, 'service' => $this->view($id)];
    }

    private function activate(array $in): array
    {
        return $this->on($in, fn (int $id) => $this->services->edit($id, ['status' => 'active'] + self::vars($in)));
    }

    private function view(int $id): array
    {
        $service = $this->services->get($id);
        $fields = $encrypted = [];
        foreach ($service->fields as $field) {
            $fields[$field->key] = $field->value;
            $encrypted = [...$encrypted, ...($field->encrypted ? [$field->key] : [])];
        }
        $plain = array_intersect_key((array) $service, array_flip([
            'id', 'status', 'client_id', 'package_id', 'module_row_id', 'date_renews', 'date_canceled',
            'suspension_reason', 'paid', 'mails', 'configoptions',
        ]));

        return $plain + ['fields' => (object) $fields, 'encrypted' => $encrypted];
    }

    private static function result(object $module, array $more = []): array
    {
        return $more + ['ok' => !$module->errors(), 'errors' => $module->errors() ?: null];
    }

    private function install(): array
    {
        $module = (new ModuleManager())->initModule();
        $module->install();

        return self::result($module);
    }

    private function saveRow(array $in): array
    {
        $manager = new ModuleManager();
        $module = $manager->initModule();
        $id = isset($in['row']) ? (int) $in['row'] : null;
        unset($in['row']);
        $meta = $id === null ? $module->addModuleRow($in) : $module->editModuleRow($manager->getRow($id), $in);
        if ($module->errors()) {
            return self::result($module, ['row' => $id]);
        }
        $stored = State::storable($meta);
        $id = State::change(static function (array &$state) use ($id, $stored): int {
            $id ??= State::nextId($state);
            $state['rows'][$id] = ['meta' => $stored];

            return $id;
        });

        return self::result($module, ['row' => $id]);
    }

    private function addGroup(array $in): array
    {
        $id = State::change(static function (array &$state) use ($in): int {
            $id = State::nextId($state);
            $state['groups'][$id] = ['rows' => $in['rows'], 'add_order' => $in['add_order'] ?? 'first'];

            return $id;
        });

        return ['ok' => true, 'errors' => null, 'group' => $id];
    }

    private function savePackage(array $in): array
    {
        $module = (new ModuleManager())->initModule();
        $id = isset($in['package']) ? (int) $in['package'] : null;
        $vars = ['meta' => $in['meta'] ?? []];
        $meta = $id === null ? $module->addPackage($vars) : $module->editPackage($this->services->package($id), $vars);
        if ($module->errors()) {
            return self::result($module, ['package' => $id]);
        }
        $stored = State::storable($meta);
        $id = State::change(static function (array &$state) use ($id, $in, $stored): int {
            $id ??= State::nextId($state);
            $state['packages'][$id] = [
                'id' => $id, 'name' => $in['name'] ?? 'Package', 'meta' => $stored,
                'module_row' => $in['row'] ?? $state['packages'][$id]['module_row'] ?? null,
                'module_group' => $in['group'] ?? null,
            ];

            return $id;
        });

        return self::result($module, ['package' => $id]);
    }

    private function order(array $in, bool $atOnce): array
    {
        $vars = ['package_id' => $in['package'], 'status' => $atOnce ? 'active' : 'pending'] + self::vars($in);
        $id = $this->services->add($vars);
        $errors = $this->services->errors();

        return ['ok' => !$errors, 'errors' => $errors ?: null, 'service' => $id === null ? null : $this->view($id)];
    }

    private function change(array $in, array $changes): array
    {
        State::change(static function (array &$state) use ($in, $changes): void {
            $state['services'][$in['service']] = $changes + $state['services'][$in['service']];
        });

        return $this->on($in, static fn () => null);
    }

    private function renew(array $in): array
    {
        if (isset($in['date_renews'])) {
            $this->change($in, ['date_renews' => $in['date_renews']]);
        }

        return $this->on($in, fn (int $id) => $this->services->renew($id));
    }

    private function cronProvision(): array
    {
        $errors = [];
        foreach (State::read()['services'] as $id => $service) {
            if ($service['status'] === 'pending' && $service['paid']) {
                $this->services->edit((int) $id, ['status' => 'active']);
                $errors += $this->services->errors() ? [$id => $this->services->errors()] : [];
            }
        }

        return ['ok' => $errors === [], 'errors' => $errors ?: null];
    }

    private function sync(): array
    {
        $module = (new ModuleManager())->initModule();
        $module->cron('sync');

        return self::result($module);
    }

    private function tab(array $in): array
    {
        $service = $this->services->get((int) $in['service']);
        $module = (new ModuleManager())->initModule((int) $service->module_row_id);
        $method = $in['method'] ?? 'tabClientOverview';
        $shown = array_keys($module->getClientServiceTabs($service) + $module->getAdminServiceTabs($service));
        if (!in_array($method, $shown, true)) {
            return ['ok' => false, 'errors' => ['tab' => ['unavailable' => 'The tab is not offered.']], 'html' => ''];
        }
        $html = $module->{$method}($service->package, $service, $in['get'] ?? [], $in['post'] ?? null, null);
        preg_match('/name="nonce" value="([^"]*)"/', $html, $nonce);
        $more = ['html' => $html, 'messages' => $module->messages, 'nonce' => $nonce[1] ?? null];

        return self::result($module, $more + ['service' => $this->view((int) $service->id)]);
    }

    private function info(array $in): array
    {
        $service = $this->services->get((int) $in['service']);
        $module = (new ModuleManager())->initModule((int) $service->module_row_id);
        $admin = $module->getAdminServiceInfo($service, $service->package);
        $client = $module->getClientServiceInfo($service, $service->package);

        return self::result($module, ['admin' => $admin, 'client' => $client]);
    }

    private function fields(array $in): array
    {
        $module = (new ModuleManager())->initModule(isset($in['row']) ? (int) $in['row'] : null);
        $vars = (object) ($in['vars'] ?? []);
        $method = $in['method'] ?? 'getClientAddFields';
        $fields = $method === 'getPackageFields'
            ? $module->getPackageFields($vars)
            : $module->{$method}($this->services->package((int) $in['package']), $vars);

        return self::result($module, ['fields' => $fields->flat()]);
    }

    /**
     * Staff pages of the module: manage, add-row, edit-row.
     */
    private function page(array $in): array
    {
        $manager = new ModuleManager();
        $module = $manager->initModule();
        $vars = $in['vars'] ?? [];
        $html = match ($in['page']) {
            'manage' => $module->manageModule((object) ['id' => 1, 'rows' => $manager->getRows(1), 'groups' => []], $vars),
            'add-row' => $module->manageAddRow($vars),
            'edit-row' => $module->manageEditRow($manager->getRow((int) $in['row']), $vars),
        };

        return self::result($module, ['html' => $html]);
    }
}
