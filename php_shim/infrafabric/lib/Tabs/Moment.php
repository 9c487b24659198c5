<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use DateTimeImmutable;
use DateTimeZone;
use Exception;

/**
 * Moments of the bridge, as people read them.
 */
final class Moment
{
    /**
     * "2026-11-23 14:05 UTC", or '' for what is no moment.
     */
    public static function read(mixed $text): string
    {
        if (!is_string($text) || preg_match('/\A\d{4}-\d\d-\d\dT/', $text) !== 1) {
            return '';
        }
        try {
            return (new DateTimeImmutable($text))->setTimezone(new DateTimeZone('UTC'))->format('Y-m-d H:i') . ' UTC';
        } catch (Exception) {
            // Not worth an error: a page without one date is better than no page.
            return '';
        }
    }
}
