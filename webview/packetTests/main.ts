import { adoptPageStyles } from '../common/theme.ts';
import './editor.ts';

adoptPageStyles();
