<?php

/**
 * Texts by key, with sprintf-like values. Asking for a missing key is remembered, so that tests can refuse it.
 */
class Language
{
    private static array $texts = [];
    public static array $missing = [];

    public static function loadLang(string $file, ?string $language = null, ?string $dir = null): void
    {
        $lang = [];
        require $dir . ($language ?? 'en_us') . DS . $file . '.php';
        self::$texts = $lang + self::$texts;
    }

    public static function _(string $key, bool $return = false, mixed ...$values): ?string
    {
        if (!isset(self::$texts[$key])) {
            self::$missing[] = $key;
        }
        $text = self::$texts[$key] ?? $key;
        $text = $values === [] ? $text : vsprintf($text, $values);
        if ($return) {
            return $text;
        }
        echo $text;

        return null;
    }
}
