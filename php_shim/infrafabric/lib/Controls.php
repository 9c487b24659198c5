<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Draws the forms of the tabs: labels, fields with their error beside them, and buttons that say why they are disabled.
 *
 * Works with the class names of Bootstrap 3 and 5, without any script. After a refused post the form that was posted
 * shows what was entered; all others show what is stored.
 */
final class Controls
{
    private string $id = '';
    private bool $isPosted = false;

    /**
     * @param object $form Blesta's Form helper
     * @param object $html Blesta's Html helper
     * @param array<string, array<string, string>> $errors Input errors of this request
     * @param array<string, array{name: string, allowed: bool, reason: string}> $buttons by action
     */
    public function __construct(
        private object $form,
        private object $html,
        private Posted $posted,
        private array $errors,
        private array $buttons,
        private string $nonce
    ) {
    }

    /**
     * Begin a form that posts this action.
     *
     * @param array<string, string> $hidden what the action is about, such as `address_id`
     */
    public function begin(string $action, array $hidden = []): void
    {
        $this->id = 'infrafabric_' . substr(hash('sha256', $action . '|' . implode('|', $hidden)), 0, 8);
        $this->isPosted = $this->errors !== [];
        foreach (['action' => $action] + $hidden as $name => $value) {
            $this->isPosted = $this->isPosted && $this->posted->text($name) === $value;
        }
        $this->form->create(null, ['class' => 'infrafabric_form mb-3', 'autocomplete' => 'off']);
        foreach (['action' => $action, 'nonce' => $this->nonce] + $hidden as $name => $value) {
            $this->form->fieldHidden($name, $value);
        }
    }

    public function text(string $name, string $label, string $value = '', string $type = 'text'): void
    {
        $this->labelled($name, $label, function (array $attributes) use ($name, $value, $type): void {
            $shown = $this->entered($name, $value);
            $this->form->fieldText($name, $shown, $attributes + ($type === 'text' ? [] : ['inputmode' => $type]));
        });
    }

    public function textarea(string $name, string $label, string $value, string $help = ''): void
    {
        $this->labelled($name, $label, function (array $attributes) use ($name, $value): void {
            $this->form->fieldTextarea($name, $this->entered($name, $value), $attributes + ['rows' => 4]);
        }, $help);
    }

    /**
     * @param array<string, string> $options
     */
    public function select(string $name, string $label, array $options, string $value = ''): void
    {
        $this->labelled($name, $label, function (array $attributes) use ($name, $options, $value): void {
            $attributes['class'] .= ' form-select';
            $this->form->fieldSelect($name, $options, $this->entered($name, $value), $attributes);
        });
    }

    /**
     * The box that has to be ticked before something is interrupted or destroyed.
     */
    public function confirm(string $label): void
    {
        $id = $this->id . '_confirm';
        echo '<div class="form-check mt-2 mb-2">';
        $attributes = ['id' => $id, 'class' => 'form-check-input'] + $this->marks('confirm');
        $this->form->fieldCheckbox('confirm', '1', false, $attributes);
        $this->form->label($label, $id, ['class' => 'form-check-label']);
        $this->error('confirm');
        echo '</div>';
    }

    /**
     * The button of an action, and the end of its form. It is disabled, with the bridge's reason, while the bridge says no.
     */
    public function end(string $action, string $class = 'btn-primary', ?string $text = null): void
    {
        $this->button($action, $class, $text);
        $this->form->end();
    }

    public function button(string $action, string $class = 'btn-primary', ?string $text = null, string $value = ''): void
    {
        $button = $this->buttons[$action] ?? ['name' => '', 'allowed' => true, 'reason' => ''];
        $reason = $button['allowed'] ? '' : $button['reason'];
        printf(
            '<button type="submit" name="%s" value="%s" class="btn %s"%s>%s</button>' . "\n",
            $value === '' ? 'submit_' . $this->html->safe($action) : 'action',
            $this->html->safe($value),
            $this->html->safe($class),
            $button['allowed'] ? '' : ' disabled="disabled" aria-describedby="' . $this->id . '_reason"',
            $this->html->safe($text ?? $button['name'])
        );
        if ($reason !== '') {
            printf('<small id="%s_reason" class="help-block form-text">%s</small>', $this->id, $this->html->safe($reason));
        }
    }

    /**
     * Attributes that tell a screen reader of the error beside a field.
     *
     * @return array<string, string>
     */
    public function marks(string $name): array
    {
        return $this->messages($name) === []
            ? [] : ['aria-invalid' => 'true', 'aria-describedby' => $this->fieldId($name) . '_error'];
    }

    public function error(string $name): void
    {
        foreach ($this->messages($name) as $message) {
            printf(
                '<span id="%s_error" class="text-danger">%s</span>',
                $this->fieldId($name),
                $this->html->safe($message)
            );
        }
    }

    /**
     * @param callable(array<string, string>): void $field takes the attributes
     */
    private function labelled(string $name, string $label, callable $field, string $help = ''): void
    {
        echo '<div class="form-group mb-3">';
        $this->form->label($label, $this->fieldId($name));
        $field(['id' => $this->fieldId($name), 'class' => 'form-control'] + $this->marks($name));
        if ($help !== '') {
            printf('<small class="help-block form-text">%s</small>', $this->html->safe($help));
        }
        $this->error($name);
        echo '</div>';
    }

    public function fieldId(string $name): string
    {
        return $this->id . '_' . strtr($name, '.', '_');
    }

    private function entered(string $name, string $value): string
    {
        return $this->isPosted ? $this->posted->text($name) : $value;
    }

    /**
     * @return list<string> the errors of a field of the form that is drawn now
     */
    private function messages(string $name): array
    {
        return $this->isPosted ? array_slice(array_values($this->errors[$name] ?? []), 0, 1) : [];
    }
}
