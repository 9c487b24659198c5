<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Names for services and requests. Random, because a guessable service key would let one order name another's machine.
 */
final class Uuid
{
    private const FORM = '/\A[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/';

    public static function fresh(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);

        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }

    /**
     * The same UUID for the same parts, for what has to be recognised when it is asked for again.
     */
    public static function derived(string ...$parts): string
    {
        $bytes = substr(hash('sha256', (string) json_encode($parts), true), 0, 16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x80);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);

        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }

    /**
     * The UUID in the value, in lower case, or null when it holds none.
     */
    public static function read(mixed $value): ?string
    {
        $text = is_string($value) ? strtolower(trim($value)) : '';

        return preg_match(self::FORM, $text) === 1 ? $text : null;
    }
}
