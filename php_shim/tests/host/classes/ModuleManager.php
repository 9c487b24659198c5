<?php

/**
 * Installed modules, their rows and groups. There is one module, id 1.
 */
class ModuleManager
{
    public function getByClass(string $class, ?int $company = null): array
    {
        return $class === 'infrafabric' ? [(object) ['id' => 1, 'class' => 'infrafabric', 'company_id' => 1]] : [];
    }

    public function getRow(int $id): ?stdClass
    {
        $row = State::read()['rows'][$id] ?? null;
        if ($row === null) {
            return null;
        }
        $meta = new stdClass();
        foreach (State::opened($row['meta']) as $field) {
            $meta->{$field->key} = $field->value;
        }

        return (object) ['id' => $id, 'module_id' => 1, 'meta' => $meta];
    }

    public function getRows(int $module, ?int $group = null): array
    {
        $state = State::read();
        $ids = $group === null ? array_keys($state['rows']) : ($state['groups'][$group]['rows'] ?? []);

        return array_values(array_filter(array_map(fn ($id) => $this->getRow((int) $id), $ids)));
    }

    public function getGroup(int $id): stdClass|false
    {
        $group = State::read()['groups'][$id] ?? null;

        return $group === null ? false : (object) [
            'id' => $id,
            'add_order' => $group['add_order'],
            'rows' => $this->getRows(1, $id),
        ];
    }

    /**
     * A module instance ready for use, with this row in context.
     */
    public function initModule(?int $row = null): Infrafabric
    {
        $module = new Infrafabric();
        $module->setModule((object) ['id' => 1, 'class' => 'infrafabric']);
        $module->setModuleRow($row === null ? null : $this->getRow($row));

        return $module;
    }
}
