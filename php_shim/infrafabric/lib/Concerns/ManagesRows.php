<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Answer;
use Infrafabric\Bridge;
use Infrafabric\Outcome;
use Infrafabric\RowSettings;
use Infrafabric\Texts;

/**
 * Module rows: one row is one bridge key, and so one connection of the bridge.
 */
trait ManagesRows
{
    public function manageModule($module, array &$vars)
    {
        return $this->guarded(
            fn () => $this->render('manage', ['module' => $module, 'vars' => (object) $vars], ['Form', 'Html', 'Widget']),
            ''
        );
    }

    public function manageAddRow(array &$vars)
    {
        $vars += $vars === [] ? RowSettings::DEFAULTS : [];

        return $this->guarded(fn () => $this->rowForm('add_row', $vars, []), '');
    }

    public function manageEditRow($module_row, array &$vars)
    {
        $meta = (array) ($module_row->meta ?? []);
        $vars = $vars === [] ? array_intersect_key($meta, array_flip(RowSettings::PLAIN)) : $vars;

        return $this->guarded(fn () => $this->rowForm('edit_row', $vars, $meta), '');
    }

    /**
     * @param array<string, mixed> $vars
     * @param array<string, mixed> $meta of the stored row
     */
    private function rowForm(string $view, array $vars, array $meta): string
    {
        // A posted secret is not printed back either: the page may be kept by a browser or a proxy.
        $shown = array_intersect_key($vars, array_flip(RowSettings::PLAIN));
        $modes = [
            'activate' => $this->say('Infrafabric.row.mode_activate'),
            'pending' => $this->say('Infrafabric.row.mode_pending'),
        ];

        return $this->render($view, [
            'vars' => (object) $shown,
            'modes' => $modes,
            'stored' => (object) [
                'bridge_key' => !empty($meta['bridge_key']),
                'infrafabric_api_key' => !empty($meta['infrafabric_api_key_set']),
                'webhook_secret' => !empty($meta['webhook_secret_set']),
            ],
        ]);
    }

    public function addModuleRow(array &$vars)
    {
        return $this->guarded(fn () => $this->saveRow(new RowSettings($vars)));
    }

    public function editModuleRow($module_row, array &$vars)
    {
        return $this->guarded(fn () => $this->saveRow(new RowSettings($vars, $module_row)));
    }

    public function deleteModuleRow($module_row)
    {
        return null;
    }

    /**
     * @return list<array<string, mixed>>|null
     */
    private function saveRow(RowSettings $settings): ?array
    {
        foreach ($settings->faults() as $field => $rule) {
            $this->fail($field, $rule, $this->say(Texts::ROW_ERRORS[$field]));
        }
        if ($this->Input->errors()) {
            return null;
        }
        $secrets = $settings->secrets();
        $bridge = $this->bridgeAt($settings->value('bridge_url'), $settings->value('bridge_key'), 'staff:0', $secrets);
        $id = $this->connectionOf($bridge);
        if ($id === null || !$this->storeConnection($bridge, $id, $settings)) {
            return null;
        }

        return $settings->meta($id);
    }

    /**
     * The id of the one connection the key belongs to.
     */
    private function connectionOf(Bridge $bridge): ?string
    {
        $answer = $bridge->get('/v1/connections');
        if (!$answer->isSuccess()) {
            $this->failRow($answer);

            return null;
        }
        $items = $answer->items();
        $id = $items[0]['id'] ?? null;
        if (count($items) !== 1 || !is_string($id) || $id === '') {
            $this->fail('bridge_key', 'valid', $this->say('Infrafabric.!error.connection_count', (string) count($items)));

            return null;
        }

        return $id;
    }

    private function storeConnection(Bridge $bridge, string $id, RowSettings $settings): bool
    {
        $path = '/v1/connections/' . rawurlencode($id);
        $stored = $bridge->put($path, $settings->connection());
        if (!$stored->isSuccess()) {
            $this->failRow($stored);

            return false;
        }
        $tested = $bridge->post($path . '/test', [], 30.0);
        if (!$tested->isSuccess()) {
            $this->failRow($tested);

            return false;
        }
        if (($tested->body['ok'] ?? false) !== true) {
            $detail = $this->plain($tested->text('detail'));
            $this->fail('infrafabric_api_url', 'valid', $this->say('Infrafabric.!error.connection_test', $detail));

            return false;
        }

        return true;
    }

    private function failRow(Answer $answer): void
    {
        $outcome = Outcome::of($answer);
        if ($outcome->kind === Outcome::UNCONFIRMED) {
            $detail = $this->plain($outcome->detail());
            $this->fail('bridge_url', 'valid', $this->say('Infrafabric.!error.bridge_away', $detail, $answer->requestId));
        } else {
            $this->failFor($outcome);
        }
    }

    public function getGroupOrderOptions()
    {
        return [
            'first' => $this->say('Infrafabric.order_options.first'),
            'random' => $this->say('Infrafabric.order_options.random'),
        ];
    }

    public function selectModuleRow($module_group_id)
    {
        return $this->guarded(function () use ($module_group_id): int {
            \Loader::loadModels($this, ['ModuleManager']);
            $group = $this->ModuleManager->getGroup($module_group_id);
            $rows = array_values((array) ($group->rows ?? []));
            if ($rows === []) {
                return 0;
            }
            $chosen = ($group->add_order ?? 'first') === 'random' ? random_int(0, count($rows) - 1) : 0;

            return (int) $rows[$chosen]->id;
        }, 0);
    }
}
