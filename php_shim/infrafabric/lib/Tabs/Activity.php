<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

/**
 * What was done to the machine, by whom, and how it ended.
 */
final class Activity extends Tab
{
    private const PAGE = 20;

    public function values(): array
    {
        $path = '/v1/services/' . rawurlencode($this->page->key) . '/operations?order=newest_first&limit=' . self::PAGE;
        $place = preg_match('/\A[A-Za-z0-9_-]{1,64}\z/', $this->page->argument) ? $this->page->argument : '';
        $this->page->known();
        $answer = $this->page->deadline->allows()
            ? $this->page->bridge->get($path . ($place === '' ? '' : "&cursor=$place"), $this->page->deadline->left())
            : null;
        $words = new Words($this->page->host, $this->page->staff);

        return [
            'read' => $answer !== null && ($answer->isSuccess() || $answer->status === 404),
            'entries' => array_map($words->entry(...), $answer?->items() ?? []),
            'older' => $answer?->text('next_cursor') ?? '',
            'place' => $place,
        ];
    }
}
