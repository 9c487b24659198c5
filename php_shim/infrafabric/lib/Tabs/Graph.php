<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

/**
 * The shape of a line in an inline SVG, in a box of WIDTH by HEIGHT.
 */
final class Graph
{
    public const WIDTH = 600;
    public const HEIGHT = 120;

    public readonly float $top;

    /**
     * @param array<string, float> $line value by moment
     * @param float $top value at the upper edge, 0 when the largest value decides
     */
    public function __construct(private array $line, float $top = 0.0)
    {
        $this->top = max($top, $this->largest(), 0.001);
    }

    public function largest(): float
    {
        return $this->line === [] ? 0.0 : max($this->line);
    }

    public function average(): float
    {
        return $this->line === [] ? 0.0 : array_sum($this->line) / count($this->line);
    }

    public function isEmpty(): bool
    {
        return $this->line === [];
    }

    /**
     * @return string `x,y x,y …`; a single value is a level line
     */
    public function points(): string
    {
        $values = array_values($this->line);
        $values = count($values) === 1 ? [$values[0], $values[0]] : $values;
        $points = [];
        foreach ($values as $number => $value) {
            $x = $number * self::WIDTH / max(1, count($values) - 1);
            $points[] = sprintf('%.1F,%.1F', $x, self::HEIGHT * (1 - min(1.0, $value / $this->top)));
        }

        return implode(' ', $points);
    }

    public function from(): string
    {
        return (string) array_key_first($this->line);
    }

    public function to(): string
    {
        return (string) array_key_last($this->line);
    }
}
