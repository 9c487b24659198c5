<?php

/**
 * The session of the person at the browser; the driver sets it.
 */
class Session
{
    public static array $values = [];

    public function read(string $name): mixed
    {
        return self::$values[$name] ?? '';
    }
}
