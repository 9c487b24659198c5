<?php

/**
 * A list of form fields that Blesta draws itself.
 */
class ModuleFields
{
    private array $fields = [];
    private string $html = '';

    public function label(string $name, ?string $for = null): ModuleField
    {
        return new ModuleField('label', ['name' => $name, 'for' => $for]);
    }

    public function tooltip(string $text): ModuleField
    {
        return new ModuleField('tooltip', ['name' => $text]);
    }

    public function fieldText(string $name, mixed $value = null, array $attributes = []): ModuleField
    {
        return new ModuleField('fieldText', ['name' => $name, 'value' => $value, 'attributes' => $attributes]);
    }

    public function fieldTextarea(string $name, mixed $value = null, array $attributes = []): ModuleField
    {
        return new ModuleField('fieldTextarea', ['name' => $name, 'value' => $value, 'attributes' => $attributes]);
    }

    public function fieldHidden(string $name, mixed $value = null, array $attributes = []): ModuleField
    {
        return new ModuleField('fieldHidden', ['name' => $name, 'value' => $value, 'attributes' => $attributes]);
    }

    public function fieldSelect(string $name, array $options, mixed $selected = null, array $attributes = []): ModuleField
    {
        $params = ['name' => $name, 'options' => $options, 'value' => $selected, 'attributes' => $attributes];

        return new ModuleField('fieldSelect', $params);
    }

    public function setField(ModuleField $field): void
    {
        $this->fields[] = $field;
    }

    public function setHtml(string $html): void
    {
        $this->html = $html;
    }

    /**
     * @return list<ModuleField>
     */
    public function getFields(): array
    {
        return $this->fields;
    }

    /**
     * For tests and the driver: the entries that carry a value, by name.
     *
     * @return array<string, array<string, mixed>>
     */
    public function flat(): array
    {
        $flat = [];
        foreach ($this->fields as $field) {
            foreach ($field->fields === [] ? [$field] : $field->fields as $entry) {
                if ($entry->type !== 'tooltip') {
                    $flat[$entry->params['name']] = ['type' => $entry->type] + $entry->params;
                }
            }
        }

        return $flat;
    }
}
