<?php

/**
 * Base of every module: configuration, rows in context, log and messages.
 */
#[AllowDynamicProperties]
abstract class Module
{
    public string $base_uri = '/admin/';
    public array $messages = [];
    private ?stdClass $config = null;
    private ?stdClass $module = null;
    private ?stdClass $module_row = null;

    protected function loadConfig(string $file): void
    {
        $this->config = json_decode((string) file_get_contents($file), false, 16, JSON_THROW_ON_ERROR);
    }

    public function getConfig(): stdClass
    {
        return $this->config;
    }

    public function getVersion(): string
    {
        return $this->config->version;
    }

    public function getServiceName(object $service): ?string
    {
        return $this->serviceFieldsToObject($service->fields)->{$this->config->service->name_key} ?? null;
    }

    public function errors(): array|false
    {
        return $this->Input->errors();
    }

    public function setModule(?stdClass $module): void
    {
        $this->module = $module;
    }

    public function getModule(): ?stdClass
    {
        return $this->module;
    }

    public function setModuleRow(?stdClass $row): void
    {
        $this->module_row = $row;
    }

    public function getModuleRow(?int $id = null): ?stdClass
    {
        return $id === null ? $this->module_row : (new ModuleManager())->getRow($id);
    }

    public function getModuleRows(?int $group = null): array
    {
        return (new ModuleManager())->getRows(1, $group);
    }

    public function serviceFieldsToObject(array $fields): stdClass
    {
        $object = new stdClass();
        foreach ($fields as $field) {
            $object->{$field->key} = $field->value;
        }

        return $object;
    }

    public function setMessage(string $type, string $text): void
    {
        $this->messages[$type][] = $text;
    }

    /**
     * Writes to the module log. What is given is stored as it is.
     */
    protected function log(string $url, ?string $data = null, string $direction = 'input', bool $success = false): void
    {
        $entry = ['url' => $url, 'data' => $data, 'direction' => $direction, 'status' => $success ? 'success' : 'error'];
        State::change(static function (array &$state) use ($entry): void {
            $state['logs'][] = $entry + ['at' => gmdate('c')];
        });
    }
}
