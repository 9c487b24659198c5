<?php

/**
 * One field, or a label with the fields attached to it.
 */
class ModuleField
{
    /** @var list<ModuleField> */
    public array $fields = [];

    public function __construct(public string $type, public array $params)
    {
    }

    public function attach(ModuleField $field): void
    {
        $this->fields[] = $field;
    }
}
