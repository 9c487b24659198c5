<?php

/**
 * Configuration values of the installation.
 */
class Configure
{
    private static array $values = ['Blesta.company_id' => 1];

    public static function set(string $name, mixed $value): void
    {
        self::$values[$name] = $value;
    }

    public static function get(string $name): mixed
    {
        return self::$values[$name] ?? null;
    }

    public static function load(string $file, string $dir): void
    {
        require $dir . $file . '.php';
    }
}
