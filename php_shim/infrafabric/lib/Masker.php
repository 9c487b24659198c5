<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Keeps secrets out of Blesta's module log, which stores what it is given as it is.
 *
 * Members are masked by name, service fields by the name they carry in `key`, and secrets known by value wherever they
 * turn up, also in an answer that is not JSON.
 */
final class Masker
{
    public const MASK = '***';
    private const NAMES = '/pass|pwd|token|secret|key|authorization|ticket|cookie|credential/i';
    private const HARMLESS = ['service_key', 'ifb_key', 'key_id'];
    private const LONGEST = 4000;

    /**
     * @param list<string> $secrets values that must never appear
     */
    public function __construct(private array $secrets = [])
    {
        $this->secrets = array_values(array_filter($secrets, static fn (string $secret) => strlen($secret) >= 6));
    }

    public function text(string $text): string
    {
        $decoded = json_decode($text, true);
        $text = is_array($decoded) ? $this->data($decoded) : self::patterns($text);
        foreach ($this->secrets as $secret) {
            $text = str_replace([$secret, trim((string) json_encode($secret), '"')], self::MASK, $text);
        }

        return mb_strcut($text, 0, self::LONGEST, 'UTF-8');
    }

    /**
     * @param array<mixed> $data
     */
    private function data(array $data): string
    {
        return (string) json_encode(
            $this->masked($data),
            JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE
        );
    }

    /**
     * @param array<mixed> $data
     * @return array<mixed>
     */
    private function masked(array $data): array
    {
        if (isset($data['key']) && is_string($data['key']) && array_key_exists('value', $data)) {
            return $this->field($data);
        }
        foreach ($data as $name => $value) {
            if (is_string($name) && self::isSecret($name) && $value !== null && $value !== []) {
                $data[$name] = self::MASK;
            } elseif (is_array($value)) {
                $data[$name] = $this->masked($value);
            } elseif (is_string($value)) {
                $data[$name] = self::patterns($value);
            }
        }

        return $data;
    }

    /**
     * @param array<mixed> $field one service field: `key` is its name here, not a secret
     * @return array<mixed>
     */
    private function field(array $field): array
    {
        if (!empty($field['encrypted']) || self::isSecret($field['key'])) {
            $field['value'] = self::MASK;
        }

        return $field;
    }

    private static function isSecret(string $name): bool
    {
        return preg_match(self::NAMES, $name) === 1 && !in_array(strtolower($name), self::HARMLESS, true);
    }

    private static function patterns(string $text): string
    {
        $text = (string) preg_replace('/\b(Bearer|Basic)\s+[^\s"\'<,]+/i', '$1 ' . self::MASK, $text);
        $text = (string) preg_replace('/\b(brk|whsec)_[A-Za-z0-9_+\/=-]+/', '$1_' . self::MASK, $text);

        return (string) preg_replace(
            '/\b([\w-]*(?:password|passwd|token|secret|api[_-]?key|authorization|cookie)[\w-]*["\']?\s*[:=]\s*)'
            . '(?!Bearer|Basic)["\']?[^\s"\'&<,;]+/i',
            '$1' . self::MASK,
            $text
        );
    }
}
