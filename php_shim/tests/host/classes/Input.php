<?php

/**
 * The error channel between a module and Blesta.
 */
class Input
{
    private array $errors = [];

    public function setErrors(array $errors): void
    {
        $this->errors = $errors;
    }

    public function errors(): array|false
    {
        return $this->errors === [] ? false : $this->errors;
    }
}
