<?php

declare(strict_types=1);

namespace Infrafabric;

use stdClass;

/**
 * The complete set of a service's stored fields.
 *
 * Blesta replaces everything by what a module returns, so each return starts from the complete set, keeps each
 * `encrypted` flag, and holds neither empty values nor keys longer than Blesta's 32 characters.
 */
final class ServiceFields
{
    /** Fields of the order form; the rest of `ifb_*` is told by the bridge. */
    public const OWN = ['ifb_key', 'ifb_hostname', 'ifb_image', 'ifb_ssh_key'];

    /** Fields whose absence in the bridge's answer means that they no longer hold. */
    public const TRANSIENT = ['ifb_ipv4', 'ifb_ipv6', 'ifb_ips', 'ifb_instance', 'ifb_operation', 'ifb_error'];

    /** What an outdated field is set to where it cannot be removed: Blesta refuses empty values. */
    public const NOTHING = '-';

    private const LONGEST_KEY = 32;

    /**
     * @param array<string, array{value: string, encrypted: int}> $fields
     */
    private function __construct(private array $fields = [])
    {
    }

    public static function ofService(object $service): self
    {
        $set = new self();
        foreach ($service->fields ?? [] as $field) {
            $set = $set->with((string) $field->key, $field->value ?? '', (bool) ($field->encrypted ?? false));
        }

        return $set;
    }

    /**
     * The order's own fields among what Blesta passes to addService.
     *
     * @param array<string, mixed> $vars
     */
    public static function ofOrder(array $vars): self
    {
        $set = new self();
        foreach (self::OWN as $key) {
            $set = $set->with($key, is_scalar($vars[$key] ?? null) ? trim((string) $vars[$key]) : '');
        }

        return $set;
    }

    /**
     * The set with this field changed; an empty value removes it. A field once encrypted stays encrypted.
     */
    public function with(string $key, mixed $value, bool $encrypted = false): self
    {
        $text = is_scalar($value) ? (string) $value : '';
        $copy = clone $this;
        if ($text === '') {
            unset($copy->fields[$key]);
        } elseif ($key !== '' && strlen($key) <= self::LONGEST_KEY) {
            $secret = $encrypted || !empty($this->fields[$key]['encrypted']);
            $copy->fields[$key] = ['value' => $text, 'encrypted' => $secret ? 1 : 0];
        }

        return $copy;
    }

    /**
     * The set as the bridge now sees the service. An empty list says nothing and changes nothing.
     *
     * @param list<array<mixed>> $told `{key, value, encrypted}`
     */
    public function told(array $told): self
    {
        $told = self::clean($told);
        $set = $this;
        foreach ($told === [] ? [] : self::TRANSIENT as $key) {
            $set = isset($told[$key]) ? $set : $set->with($key, '');
        }
        foreach ($told as $key => $field) {
            $set = $set->with($key, $field['value'], (bool) $field['encrypted']);
        }

        return $set;
    }

    /**
     * The bridge's fields by key: only those of this module, never the service key (it is the module's to give).
     *
     * @param list<array<mixed>> $told
     * @return array<string, array{value: string, encrypted: int}>
     */
    public static function clean(array $told): array
    {
        $set = new self();
        foreach ($told as $field) {
            $key = is_string($field['key'] ?? null) ? $field['key'] : '';
            if (str_starts_with($key, 'ifb_') && $key !== 'ifb_key') {
                $set = $set->with($key, $field['value'] ?? '', (bool) ($field['encrypted'] ?? false));
            }
        }

        return $set->fields;
    }

    public function value(string $key): string
    {
        return $this->fields[$key]['value'] ?? '';
    }

    public function equals(self $other): bool
    {
        return $this->fields == $other->fields;
    }

    /**
     * @return list<array{key: string, value: string, encrypted: int}> what Blesta stores
     */
    public function toArray(): array
    {
        $list = [];
        foreach ($this->fields as $key => $field) {
            $list[] = ['key' => $key] + $field;
        }

        return $list;
    }

    /**
     * For views: every key readable as a property, absent ones as ''.
     */
    public function toObject(): stdClass
    {
        $object = new stdClass();
        foreach ($this->fields as $key => $field) {
            $object->{$key} = $field['value'] === self::NOTHING ? '' : $field['value'];
        }

        return $object;
    }
}
