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
        $text = $this->plain($text);
        foreach ($this->secrets as $secret) {
            $text = str_replace([$secret, trim((string) json_encode($secret), '"')], self::MASK, $text);
        }

        return mb_strcut($text, 0, self::LONGEST, 'UTF-8');
    }

    /**
     * A text by itself; JSON within a JSON string is read as what it is, since names decide only there.
     */
    private function plain(string $text): string
    {
        $decoded = json_decode($text, true);
        if (is_array($decoded)) {
            return $this->data($decoded);
        }

        return is_string($decoded) ? (string) json_encode($this->plain($decoded)) : self::patterns($text);
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
                $data[$name] = $this->plain($value);
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
        } elseif (is_array($field['value'])) {
            $field['value'] = $this->masked($field['value']);
        } elseif (is_string($field['value'])) {
            $field['value'] = $this->plain($field['value']);
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

        $name = '[\w-]*(?:passw|passphrase|pwd|token|secret|api[_-]?key|bridge[_-]?key|authorization|ticket|cookie'
            . '|credential)[\w-]*';
        // Broken or cut off JSON: the whole quoted text, to the end where its quote is missing.
        $text = (string) preg_replace(
            '/(' . $name . '\\\\*["\']\s*:\s*\[?\s*)\\\\*"(?:\\\\.(?<!\\\\")|[^"\\\\])*(?:\\\\*"|\z)/is',
            '$1"' . self::MASK . '"',
            $text
        );

        return (string) preg_replace(
            '/\b(' . $name . '["\']?\s*[:=]\s*)(?!Bearer|Basic|\[?\s*")\'?[^\s"\'&<,;]+/i',
            '$1' . self::MASK,
            $text
        );
    }
}
