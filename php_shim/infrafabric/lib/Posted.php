<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * A posted form: anything may stand in it, and only texts and lists of rows are read.
 */
final class Posted
{
    /**
     * @param array<mixed> $values
     */
    public function __construct(private array $values)
    {
    }

    public function isEmpty(): bool
    {
        return $this->values === [];
    }

    public function has(string $name): bool
    {
        return $this->text($name) !== '';
    }

    public function text(string $name): string
    {
        $value = $this->values[$name] ?? '';

        return is_scalar($value) ? trim((string) $value) : '';
    }

    /**
     * @return list<array<string, string>> rows of texts, as `name[0][member]` posts them
     */
    public function rows(string $name): array
    {
        $rows = $this->values[$name] ?? [];
        $read = [];
        foreach (is_array($rows) ? $rows : [] as $row) {
            $texts = array_filter(is_array($row) ? $row : [], 'is_scalar');
            $read[] = array_map(static fn ($value): string => trim((string) $value), $texts);
        }

        return $read;
    }
}
