<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * The moment by which a page has to be drawn, shared by all that is asked of the bridge for it.
 */
final class Deadline
{
    private float $end;

    public function __construct(float $seconds)
    {
        $this->end = microtime(true) + $seconds;
    }

    /**
     * Seconds that are left, 0.0 when there are none.
     */
    public function left(): float
    {
        return max(0.0, $this->end - microtime(true));
    }

    /**
     * Whether another question to the bridge is still worth asking.
     */
    public function allows(): bool
    {
        return $this->left() > 0.2;
    }
}
